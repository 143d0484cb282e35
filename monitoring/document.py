"""A look as a document of JSON, and the proposal to roll back as a page for people."""

from __future__ import annotations

import math
import shlex
from typing import Any

import orjson

from monitoring.live import Look, Measured, day_of
from monitoring.performance import Estimate
from registry.errors import NotFound
from registry.ledger.chain import Ledger
from registry.lifecycle.rollback import rollback_target

LOOK_FILE = "look.json"
PROPOSAL_FILE = "rollback-proposal.md"


def look_document(look: Look) -> bytes:
    """All that a look found. The same look gives the same bytes."""
    test = look.test
    document: dict[str, Any] = {
        "version": look.version,
        "until": look.until.isoformat(),
        "promised": _estimates(look.promise.estimates),
        "whole": _measured(look.whole),
        "days": {str(day): _measured(each) for day, each in look.days.items()},
        "slices": {name: _measured(each) for name, each in look.slices.items()},
        "expected": {str(day): each for day, each in look.expected.items()},
        "test": None if test is None else {**vars(test), "p_value": test.p_value},
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def proposal(look: Look, ledger: Ledger) -> str | None:
    """A proposal to roll back, in Markdown; None where there is nothing to propose.

    That is where the promise is kept, or another model than that of the look is in force by now.
    Raises VerificationError where the ledger is broken.
    """
    test, head = look.test, ledger.head
    served = next((link for link in ledger.models if link.version == look.version), None)
    if test is None or test.alarm_day is None or served is None or not served.has_files_of(head):
        return None
    reason = (
        "precision at the alert budget is below what was promised: "
        f"{look.whole_precision:.3f} live, {test.promised:.3f} in the evaluation"
    )
    try:
        target = rollback_target(ledger, None)
        command = f"registry rollback --to {target.version} --reason {shlex.quote(reason)}"
        way = f"To roll back to version {target.version}:\n\n```console\n$ {command}\n```"
    except NotFound:
        way = "No other model was in Production before: train one, or stop the service."
    return f"""# Proposal: roll back version {look.version}

The alerts of version {look.version} are frauds significantly less often than its evidence promised.
This is a proposal: nothing was changed.

| | |
|---|---|
| promised precision at {look.promise.costs.budget_per_day} alerts a day | {test.promised:.4f} |
| lower end, against which is tested | {test.lower:.4f} |
| precision live, all days together | {look.whole_precision:.4f} |
| first day of the alarm | {day_of(test.alarm_day)} |
| capital of the bets, largest so far | {test.capital:.4g} |
| bound of the capital | {test.bound:g} |
| chance of ever a false alarm | at most {test.alpha:g} |
| labels known at | {look.until:%Y-%m-%d %H:%M} UTC |

Before you act: are labels missing or late (`look.json`, and the counts of the log)? Did the mix of
transactions change (`python -m monitoring drift`)? An older model may do no better on it.

{way}
"""


def _measured(measured: Measured) -> dict[str, Any]:
    return {
        "transactions": measured.transactions,
        "frauds": measured.frauds,
        "measures": _estimates(measured.estimates),
    }


def _estimates(estimates: dict[str, Estimate]) -> dict[str, list[float | None]]:
    """`[value, lower, upper]` by name."""
    return {
        name: [None if math.isnan(each) else each for each in estimate]
        for name, estimate in estimates.items()
    }
