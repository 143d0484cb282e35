"""All pods from round to round: whether the head is served everywhere, and how well; no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from registry.ledger.chain import Ledger, Link
from registry.model.scorer import MODEL_FILE
from registry.rollout.answers import Answer, NoAnswer, Served
from registry.rollout.counts import Counts
from registry.rollout.judge import Bounds, Verdict, deviations, judge, judge_errors
from registry.rollout.pod import MAX_UNANSWERED, Pod
from registry.tracking.head import head_of

MEASURES = 4
"""What is compared of all pods together: errors, decisions, usually the latency of two routes."""


@dataclass(frozen=True)
class Plan:
    """How a rollout is followed: seconds for a pod to take the head, seconds to watch once all
    have, and seconds between two rounds; and by address, what pods had counted when `before` them
    begins, if not with their start.
    """

    bounds: Bounds
    within_seconds: float
    watch_seconds: float
    interval_seconds: float
    recorded: Mapping[str, Counts] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """The rounds that a rollout may have."""
        return 1 + int((self.within_seconds + self.watch_seconds) / self.interval_seconds)


def served(link: Link) -> Served:
    """What a pod serves that has taken an entry."""
    return Served(link.version, link.statement.files[MODEL_FILE])


@dataclass
class Rollout:
    """The rollout of a ledger's head, while the ledger's tip has the digest `tip`.

    `problem` says why it failed; `events` is what the last round changed, a line each.
    """

    head: Link
    tip: str
    allowed: frozenset[Served]
    plan: Plan
    started_at: float
    pods: dict[str, Pod] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    problem: str = ""
    complete_at: float | None = None
    _gone: dict[str, Pod] = field(default_factory=dict)
    _empty_rounds: int = 0

    @classmethod
    def of(cls, ledger: Ledger, plan: Plan, now: float) -> Rollout:
        """The rollout of the ledger's head: until they take it, pods may serve the entry that was
        in force before. Raises what `head_of` raises.
        """
        head, before = head_of(ledger), ledger.models[-2:-1]
        tip = ledger.chain[-1].digest
        return cls(head, tip, frozenset(served(link) for link in before), plan, now)

    def done(self, now: float) -> bool:
        """Whether every pod serves the head, and all have been watched for long enough."""
        return (
            not self.problem
            and self.complete_at is not None
            and self._complete
            and now - self.complete_at >= self.plan.watch_seconds
        )

    @property
    def _complete(self) -> bool:
        return bool(self.pods) and all(pod.serves_head for pod in self.pods.values())

    @property
    def count_serving(self) -> int:
        """How many pods serve the head."""
        return sum(pod.serves_head for pod in self.pods.values())

    def hear(self, answers: Mapping[str, Answer | NoAnswer], now: float) -> None:
        """Note a round at `now` seconds: what each pod answered; those that are missing ended."""
        self.events = []
        for address in self.pods.keys() - answers.keys():
            self._gone[address] = self.pods.pop(address)
            self.events.append(f"{address}: ended")
        problems = [self._hear(address, answers[address], now) for address in sorted(answers)]
        self._empty_rounds = 0 if answers else self._empty_rounds + 1
        if self._empty_rounds >= MAX_UNANSWERED:
            problems.append("there are no pods")
        if self._complete and self.complete_at is None:
            self.complete_at = now
            self.events.append(f"all {len(self.pods)} pods serve the head")
        problems += self._judge()
        self.problem = next(filter(None, problems), "")

    def _hear(self, address: str, heard: Answer | NoAnswer, now: float) -> str:
        if address in self._gone:
            self.pods[address] = self._gone.pop(address)
        elif address not in self.pods:
            recorded = self.plan.recorded.get(address, Counter())
            self.pods[address] = Pod(address, now, recorded)
        pod = self.pods[address]
        state, restarts = pod.state, pod.restarts
        problem = pod.hear(heard, served(self.head), self.allowed, now)
        if pod.state != state:
            late = "; it did before the watch began" if pod.late and pod.taken else ""
            self.events.append(f"{address}: {pod.state}{late}")
        if pod.restarts != restarts:
            self.events.append(f"{address}: started again")
        problem = problem or pod.overdue(self.plan.within_seconds, now)
        return f"{address} {problem}" if problem else ""

    def _judge(self) -> list[str]:
        """Judge all pods together, and the errors of each: one of many could fail unseen."""
        everyone = [*self.pods.values(), *self._gone.values()]
        before, since = _sum(pod.before for pod in everyone), _sum(pod.since for pod in everyone)
        bounds = self.plan.bounds
        z = deviations(self.plan.rounds * (MEASURES + len(self.pods)))
        self.verdicts = judge(before, since, bounds, z)
        by_pod = [
            (f"{pod.address}: ", judge_errors(before, pod.since, bounds, z))
            for pod in self.pods.values()
        ]
        together = [("all pods: ", verdict) for verdict in self.verdicts]
        return [
            f"{whose}{verdict}"
            for whose, verdict in [*by_pod, *together]
            if verdict.outcome == "exceeded"
        ]


def _sum(parts: Iterable[Counts]) -> Counts:
    total: Counts = Counter()
    for counts in parts:
        total.update(counts)
    return total
