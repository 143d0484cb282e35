"""One pod from round to round: which model it serves, and what it counted before and since."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from registry.rollout.answers import Answer, NoAnswer, Served
from registry.rollout.counts import Counts, counted_since

MAX_UNANSWERED = 3
"""Rounds in a row without an answer of a pod that answered before: DNS lists ended ones a while."""

MAX_RESTARTS = 1
"""Starts of a pod since it took the head: one may have another cause, two are a model that crashes
it."""


@dataclass
class Pod:
    """A pod, known since `seen_at` seconds. `before` holds its counts from its start, or from those
    that were `recorded`, to its last answer with another model; `since` those from its first answer
    with the head on.

    What it counts between these two answers belongs to neither. A pod that took the head before its
    first answer has counted mostly before that: it is `late`, and all until then is `before`; if it
    has never served another model, all is `since`.
    """

    address: str
    seen_at: float
    recorded: Counts = field(default_factory=Counter)
    before: Counts = field(default_factory=Counter)
    since: Counts = field(default_factory=Counter)
    taken: bool = False
    late: bool = False
    restarts: int = 0
    state: str = "not asked yet"
    _counts: Counts | None = None
    _unanswered: int = 0
    _starting_since: float | None = None

    def hear(
        self, heard: Answer | NoAnswer, head: Served, allowed: frozenset[Served], now: float
    ) -> str:
        """Note what it answered in this round, at `now` seconds; return what is wrong, or nothing.

        `allowed` are the models that it may serve until it takes the head.
        """
        if isinstance(heard, NoAnswer):
            return self._note_silence(heard, now)
        self._unanswered, self._starting_since = 0, None
        self.state = ", ".join(sorted(str(model) for model in heard.models))
        problem = self._note_models(heard, head, allowed)
        self._counts = heard.counts
        return problem

    def overdue(self, within_seconds: float, now: float) -> str:
        """What is wrong with a pod that does not serve the head though it had the time to."""
        waiting_since = self.seen_at if not self.taken else self._starting_since
        if waiting_since is None or now - waiting_since <= within_seconds:
            return ""
        return f"does not serve the head after {now - waiting_since:.0f} s: {self.state}"

    @property
    def serves_head(self) -> bool:
        """Whether it did so in the last round."""
        return self.taken and not self._unanswered and self._starting_since is None

    def _note_silence(self, heard: NoAnswer, now: float) -> str:
        self.state = heard.reason
        if heard.starting:
            self._unanswered = 0
            if self._starting_since is None:
                self._starting_since = now
            return ""
        self._unanswered += 1
        if self._counts is None or self._unanswered < MAX_UNANSWERED:
            return ""
        return f"does not answer: {heard.reason}"

    def _note_models(self, heard: Answer, head: Served, allowed: frozenset[Served]) -> str:
        first = self._counts is None
        earlier = self.recorded if self._counts is None else self._counts
        restarted = any(heard.counts[series] < count for series, count in earlier.items())
        counted = counted_since(Counter() if restarted else earlier, heard.counts)
        if restarted and self.taken:
            self.restarts += 1
            if self.restarts > MAX_RESTARTS:
                return f"has started again {self.restarts} times since it took the head"
        if heard.models != {head}:
            if self.taken:
                return f"went back to {self.state}"
            if unknown := heard.models - allowed - {head}:
                listed = ", ".join(sorted(str(model) for model in unknown))
                return f"serves {listed}, neither the head nor the model before it"
            self.before.update(counted)
            return ""
        if self.taken or ((first or restarted) and not heard.swaps):
            self.since.update(counted)
        elif first:
            self.before.update(counted)
            self.late = True
        self.taken = True
        return ""
