"""`python -m batch`: score files with the model in Production."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from batch.job import Job
from registry.cli.options import DEFAULT_CONFIG, Config, Floor, TrackingUri
from registry.errors import RegistryError, UsageError
from registry.ledger.trust import read_trust
from registry.model.scorer import open_model
from registry.progress import step
from registry.tracking.head import Head, fetch_files
from registry.tracking.rest import Registry

_INTERRUPTED = 130
"""typer's exit code."""

app = typer.Typer(name="batch", pretty_exceptions_enable=False)


@app.command()
def score(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Parquet or CSV file, a folder or a glob of either, or its address in Blob "
            "Storage.",
        ),
    ],
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUTPUT",
            help="Folder of Parquet to write, or to continue, or its address in Blob Storage.",
        ),
    ],
    history: Annotated[
        str,
        typer.Option(help="The transactions before those of INPUT, where these are raw; as INPUT."),
    ] = "",
    label: Annotated[
        str, typer.Option(help="Column of the history, 1 for fraud, where features need it.")
    ] = "",
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of INPUT to keep; may be repeated. Default: the transaction's id, and all "
            "columns that the model does not take."
        ),
    ] = None,
    max_rejects: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of rejected rows, of those so far, that stops."),
    ] = 0.01,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add the inputs that change a probability most.")
    ] = False,
    engine: Annotated[
        Literal["threads", "spark"],
        typer.Option(help="What scores: the threads of this process, or a Spark cluster."),
    ] = "threads",
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
) -> None:
    """Score INPUT with the model in Production: the probabilities of /predict, to the bit.

    Rows that the service would refuse are in OUTPUT/_rejects, with the reason. An interrupted run
    is continued by running it again. Exit codes: 0 success, 2 invalid usage or input or a server
    that is away, 3 a model that does not verify or too many rejected rows.

    Example: python -m batch transactions.parquet scores --history earlier.parquet --label fraud
    """
    registry, trust = Registry(tracking_uri), read_trust(config, floor)
    with step("reading the ledger, and verifying the model in Production"):
        link, files = fetch_files(registry, trust)
    if engine == "spark":
        if history or label:
            raise UsageError("--engine spark takes vectors only: leave out --history and --label")
        from batch.spark import SparkJob, open_session  # noqa: PLC0415

        job = SparkJob(link, files, source, output, key or (), max_rejects, explain)
        spark = open_session()
        try:
            scored, rejected = job.run(spark)
        finally:
            spark.stop()
    else:
        head = Head(link, open_model(files))
        del files
        scored, rejected = Job(
            head, source, output, history, label, key or (), max_rejects, explain
        ).run()
    typer.echo(f"{scored:,} rows scored by version {link.version}, {rejected:,} rejected: {output}")


def main() -> None:
    """Run the command line; a known failure ends in one line and its exit code."""
    try:
        app()
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            typer.echo("\ninterrupted: finished parts are kept; run it again to go on", err=True)
        raise
    except (RegistryError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(getattr(error, "exit_code", UsageError.exit_code)) from None
