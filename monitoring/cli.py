"""`python -m monitoring`: whether the promise is kept, and whether the input is still the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from monitoring import jobs
from monitoring.labels import LabelColumns
from registry.cli.options import DEFAULT_CONFIG, Config, Floor, TrackingUri
from registry.errors import RegistryError, UsageError
from registry.ledger.trust import read_trust
from registry.tracking.rest import Registry

PROPOSED = 3
"""Exit code where a rollback is proposed."""

app = typer.Typer(
    name="monitoring",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Compare what models do in service with what was promised, from prediction records. Exit "
    "codes: 0 success, 2 invalid usage or input or a server that is away, 3 a rollback is proposed "
    "or something does not verify.",
)

Records = Annotated[
    str,
    typer.Argument(
        metavar="RECORDS",
        help="Prediction records (FRAUD_RECORDS_TO): a folder, or its address in Blob Storage.",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
        help="Look as of this time in UTC. Default: today, 00:00.",
        show_default=False,
    ),
]
Alpha = Annotated[
    float,
    typer.Option(min=1e-6, max=0.5, help="Chance of ever a false alarm, all looks together."),
]
MetricsFile = Annotated[
    Path | None, typer.Option(help="File to write metrics to, for Prometheus' textfile collector.")
]


@app.command()
def live(
    records: Records,
    labels: Annotated[
        str,
        typer.Argument(
            metavar="LABELS",
            help="Labels: a Parquet or CSV file, a folder of either, or its address in Blob "
            "Storage.",
        ),
    ],
    id_column: Annotated[
        str, typer.Option("--id", help="Column of LABELS with the transaction's id.")
    ] = "transaction_id",
    label: Annotated[str, typer.Option(help="Column of LABELS, 1 or true for fraud.")] = "fraud",
    known_at: Annotated[
        str, typer.Option(help="Column of LABELS: since when that is known (ISO 8601).")
    ] = "",
    amount: Annotated[
        str,
        typer.Option(help="Column of LABELS with the amount, where records do not have it."),
    ] = "",
    sampled: Annotated[
        str,
        typer.Option(
            help="Column of LABELS, true for alerts that were approved at random: only these count."
        ),
    ] = "",
    slice_: Annotated[
        list[str] | None,
        typer.Option("--slice", help="Input in the records to form slices by; may be repeated."),
    ] = None,
    only_frauds: Annotated[
        bool,
        typer.Option("--only-frauds", help="LABELS names frauds only: all others are genuine."),
    ] = False,
    until: Until = None,
    alpha: Alpha = 0.05,
    output: Annotated[
        Path | None, typer.Option(help="Folder for a proposal to roll back, if there is one.")
    ] = None,
    metrics_file: MetricsFile = None,
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
) -> None:
    """Measure what models were worth on the transactions that they served, and propose a rollback
    where alerts are frauds significantly less often than promised.

    Only transactions count whose label delay has passed. Each look is a run of the experiment
    fraud-detector-live; the same look again changes nothing. Nothing is ever rolled back.

    Example: python -m monitoring live records chargebacks.csv --known-at known_at
    """
    result = jobs.live(
        Registry(tracking_uri),
        read_trust(config, floor),
        records,
        labels,
        LabelColumns(id_column, label, known_at, amount, sampled),
        slices=slice_ or (),
        unlabelled_is_genuine=only_frauds,
        until=_moment(until),
        alpha=alpha,
        output=output,
        metrics_file=metrics_file,
    )
    for line in result.lines:
        typer.echo(line)
    if result.is_proposed:
        raise typer.Exit(PROPOSED)


@app.command()
def drift(
    records: Records,
    until: Until = None,
    alpha: Alpha = 0.05,
    metrics_file: MetricsFile = None,
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
) -> None:
    """Compare inputs and probabilities with training, and say what measures the probabilities let
    expect. Needs no labels.

    Inputs need records with values (FRAUD_RECORDS=values).

    Example: python -m monitoring drift wasbs://records@team.blob.core.windows.net/production
    """
    for line in jobs.drift(
        Registry(tracking_uri),
        read_trust(config, floor),
        records,
        until=_moment(until),
        alpha=alpha,
        metrics_file=metrics_file,
    ):
        typer.echo(line)


def _moment(until: datetime | None) -> datetime:
    """Midnight by default, so that all looks of a day are the same look."""
    if until is not None:
        return until.replace(tzinfo=UTC)
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def main() -> None:
    """Run the command line; a known failure ends in one line and its exit code."""
    try:
        app()
    except (RegistryError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(getattr(error, "exit_code", UsageError.exit_code)) from None
