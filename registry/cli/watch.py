"""The command that follows the pods after a promotion: `watch`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from registry.cli import output
from registry.cli.options import Approver, Url
from registry.cli.rollout_output import progress, shown, values
from registry.cli.session import SigningSession
from registry.errors import (
    RegistryError,
    RolloutFailed,
    Unreachable,
    UsageError,
    VerificationError,
)
from registry.ledger.chain import Link
from registry.lifecycle.approval import Approval, with_comment
from registry.rollout.answers import Answer, NoAnswer, ask, read_tokens
from registry.rollout.judge import Bounds
from registry.rollout.pods import find_pods, pod_address, service_name
from registry.rollout.recording import read_recording, write_recording
from registry.rollout.rollout import Plan, Rollout
from registry.rollout.rounds import follow_rollout
from registry.tracking.watch import Watch


def watch(
    pod: Annotated[list[str] | None, typer.Option(help="Address of a pod; repeatable.")] = None,
    pods: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:PORT]",
            help="DNS name of a headless Service, resolved again in each round; repeatable. "
            "Default port: 8000.",
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0, max=1440, help="Minutes to watch once all pods serve the head.")
    ] = 5,
    within: Annotated[
        float, typer.Option(min=1, max=86_400, help="Seconds in which a pod must take the head.")
    ] = 120,
    interval: Annotated[
        float, typer.Option(min=0.1, max=300, help="Seconds between two rounds.")
    ] = 5,
    max_error_rate: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of requests that may fail more than before."),
    ] = 0.01,
    max_latency_ratio: Annotated[
        float, typer.Option(min=1, help="Times the 99th percentile of before that it may be.")
    ] = 2,
    max_decision_change: Annotated[
        float,
        typer.Option(
            min=0, help="Change of the share of decisions for review, relative to before."
        ),
    ] = 0.5,
    record: Annotated[
        Path | None,
        typer.Option(
            help="Before a promotion: only write what each pod has counted to this file, for "
            "--before."
        ),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            help="File of --record: compare with what was counted since then. Default: since each "
            "pod's start."
        ),
    ] = None,
    roll_back: Annotated[
        bool,
        typer.Option("--roll-back", help="If it fails, append a rollback to the model before."),
    ] = False,
    reason: Annotated[
        str, typer.Option(help="Reason to record in the rollback. Default: what went wrong.")
    ] = "",
    approver: Approver = None,
    url: Url = "",
    *,
    session: SigningSession,
) -> None:
    """Follow every pod until it serves the head of the ledger, and then for some minutes.

    Exits with 3 if a pod does not take it, or if errors, latency or decisions are out of bounds,
    compared with what the pods had counted before. Tokens are read from FRAUD_TOKEN and
    FRAUD_METRICS_TOKEN, or the files that FRAUD_TOKEN_FILE and FRAUD_METRICS_TOKEN_FILE name.

    Example: python -m registry watch --pods fraud-inference-pods:8000 --minutes 5 --roll-back
    """
    addresses = [pod_address(text) for text in pod or ()]
    names = [service_name(text) for text in pods or ()]
    if not addresses and not names:
        raise UsageError("name the pods to follow with --pod or --pods")
    find, ask_pod = partial(find_pods, addresses, names), partial(ask, tokens=read_tokens())
    if record:
        _record(record, {address: ask_pod(address) for address in sorted(find())})
        return
    bounds = Bounds(max_error_rate, max_latency_ratio, max_decision_change)
    recorded = read_recording(before) if before else {}
    plan = Plan(bounds, within, minutes * 60, interval, recorded)
    # Whoever cannot sign must know before a model that has to go is in service.
    approval = _prepared_approval(session, approver) if roll_back else None
    ledger = Watch(session.registry)
    with shown(as_json=session.as_json) as show:
        try:
            rollout = follow_rollout(partial(ledger.look, session.trust), find, ask_pod, plan, show)
        except VerificationError as error:
            # Its own exit code, 3, would ask a pipeline for a rollback, which mends no ledger.
            raise Unreachable(f"the ledger cannot be followed: {error}") from error
    back, not_back = None, ""
    if rollout.problem and approval:
        why = reason or f"registry watch: {rollout.problem}"
        try:
            back = _roll_back(session, rollout, with_comment(approval, why, url))
        except (RegistryError, OSError) as error:
            not_back = str(error)
    _print_result(session, rollout, back, not_back)


def _record(path: Path, answers: Mapping[str, Answer | NoAnswer]) -> None:
    counts = {}
    for address, heard in answers.items():
        if isinstance(heard, Answer):
            counts[address] = heard.counts
        else:
            typer.echo(f"warning: {address}: {heard.reason}", err=True)
    if not counts:
        raise UsageError("no pod answers; check --pod and --pods")
    write_recording(path, counts)
    typer.echo(f"{len(counts)} of {len(answers)} pods recorded in {path}")


def _prepared_approval(session: SigningSession, approver: str | None) -> Approval:
    """The approval of a rollback, once the key can be used and MLflow's client is imported."""
    _ = session.client, session.signer
    return session.approvals(approver)[0]


def _roll_back(session: SigningSession, rollout: Rollout, approval: Approval) -> Link:
    """Append the rollback. Raises RolloutFailed where the head is one itself: to go back once more
    is for a person to decide; and what `rollback` raises.
    """
    from registry.lifecycle.rollback import rollback

    if rollout.head.statement.entry.action == "rollback":
        raise RolloutFailed("the head is a rollback already; decide where to go from here")
    link, _ = rollback(
        session.client, session.trust, session.signer, None, approval, tip=rollout.tip
    )
    return link


def _print_result(
    session: SigningSession, rollout: Rollout, back: Link | None, not_back: str
) -> None:
    """Raises RolloutFailed where it failed."""
    if session.as_json:
        rolled_back = output.entry_values(back) if back else None
        output.print_json({**values(rollout), "rolled_back": rolled_back})
    else:
        for verdict in rollout.verdicts:
            typer.echo(f"{verdict.outcome}: {verdict}")
        if not rollout.problem:
            typer.echo(progress(rollout))
    if back:
        raise RolloutFailed(f"{rollout.problem}; rolled back: {back}")
    if not_back:
        raise RolloutFailed(f"{rollout.problem}; rolling back failed: {not_back}")
    if rollout.problem:
        raise RolloutFailed(f"{rollout.problem}; nothing was rolled back: see `registry rollback`")
