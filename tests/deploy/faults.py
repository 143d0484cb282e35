"""The fault table of a team's set-up: what breaks, when, what the user sees, and the test."""

from __future__ import annotations

from dataclasses import dataclass

BEGIN, END = "<!-- generated: `make report-team` -->", "<!-- end of the generated part -->"


@dataclass(frozen=True)
class Fault:
    """One row. `test` is a function in tests/deploy, and `lost` says what to do as well."""

    breaks: str
    when: str
    seen: str
    lost: str
    test: str


FAULTS = (
    Fault(
        "PostgreSQL is killed, and back after a second, again and again",
        "before writes of `evaluate` and of `promote`",
        "nothing: the commands wait, and succeed",
        "nothing: one entry, which verifies",
        "test_postgresql_that_is_killed_again_and_again_loses_nothing",
    ),
    Fault(
        "the same",
        "before writes of a training run",
        "nothing: training succeeds, and the candidate is registered once",
        "nothing",
        "test_a_training_run_outlasts_restarts_of_the_database",
    ),
    Fault(
        "PostgreSQL is away",
        "at any time",
        "`/ready` answers 503 within seconds, and 200 once it is back; `/health` stays 200",
        "nothing",
        "test_ready_asks_the_database_and_health_does_not",
    ),
    Fault(
        "Blob Storage is away for a second",
        "before writes of `evaluate`, which uploads evidence between them",
        "nothing: the command waits, and succeeds",
        "nothing",
        "test_storage_that_is_away_for_a_moment_is_waited_for",
    ),
    Fault(
        "Blob Storage stays away",
        "while `evaluate` downloads a candidate or uploads evidence",
        "one line that names the storage, exit code 2",
        "the evaluation: run it again",
        "test_storage_that_stays_away_is_named_and_the_same_command_works_later",
    ),
    Fault(
        "the tracking server is killed, and started again later",
        "at the insert of a promotion: it is in the database, and its answer is lost",
        "exit code 2, and a line that says that the entry may be in the ledger",
        "nothing: the same command finds the entry, and appends no other",
        "test_a_tracking_server_that_is_killed_at_the_insert_has_the_entry_once",
    ),
    Fault(
        "two tracking servers on one database take turns, request by request",
        "`evaluate` and `promote`",
        "nothing",
        "nothing",
        "test_two_servers_on_one_database_take_turns",
    ),
    Fault(
        "two migrations of an empty database start at once",
        "before the first server",
        "nothing: the second waits for the first",
        "nothing",
        "test_two_migrations_of_an_empty_database_at_once_both_succeed",
    ),
    Fault(
        "the database is lost, and files of evidence with it",
        "after a backup",
        "`restore` loads the database, puts back the files, and verifies the ledger",
        "what came after the backup",
        "test_a_lost_database_and_lost_files_are_restored_and_verify",
    ),
    Fault(
        "a file of a backup was changed or is missing",
        "`restore`",
        "one line that names the file, exit code 3; nothing was changed",
        "take an earlier backup",
        "test_a_backup_that_was_changed_is_refused_before_anything_is_restored",
    ),
)


def fault_table(results: dict[str, str] | None = None) -> str:
    """The rows as Markdown; with the results of tests, by their names, as a last column."""
    head = ["what breaks", "when", "what you see", "what is lost, and what to do", "test"]
    rows = [
        [fault.breaks, fault.when, fault.seen, fault.lost, f"`{fault.test}`"] for fault in FAULTS
    ]
    if results is not None:
        head.append("result")
        for row, fault in zip(rows, FAULTS, strict=True):
            row.append(results.get(fault.test, "not run"))
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
