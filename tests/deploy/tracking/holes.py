"""What MLflow 3.17.2 lets through, one way a row, and what closes it."""

from __future__ import annotations

from collections.abc import Callable

from registry.tracking.names import CANDIDATES, PRODUCTION
from tests.deploy.tracking.actor import API, RIGHTS, Actor, Response, password
from tests.deploy.tracking.attempts.requests import CANDIDATE, RELEASE, get, in_evidence, own_model
from tests.deploy.tracking.attempts.requests import post as posting
from tests.deploy.tracking.matrix import EVERYONE, OTHERS, Hole, Prepare
from tests.deploy.tracking.team import ADMINISTRATOR, Team

ADMINISTRATORS_ONLY = "403 only an administrator may do this"
NOT_MADE = "403 only an administrator creates experiments and registered models"
CAMEL_CASE = "403 write run_id, not runId"
QUERY = "403 a request that changes something takes no query"


def own_run(_team: Team, actor: Actor) -> Actor:
    """A trainer's run in the training experiment; of others, in an experiment of their own."""
    if actor.user == "trainer":
        return actor.with_run(actor.facts.training)
    return actor.with_experiment()


def own_experiment(_team: Team, actor: Actor) -> Actor:
    return actor.with_experiment()


def experiment_at(folder: Callable[[Actor], str]) -> Prepare:
    """A run in an own experiment, whose artifacts are in this folder of the server's disk."""
    return lambda _, actor: actor.with_experiment(artifact_location=f"file://{folder(actor)}")


def ledger_deleted(team: Team, actor: Actor) -> Actor:
    """An administrator deletes the production model: then its name is free."""
    administrator = team.actor(ADMINISTRATOR)
    administrator.change("DELETE", "registered-models/delete", name=PRODUCTION)
    return actor


def ledger_deleted_and_own_model(team: Team, actor: Actor) -> Actor:
    return ledger_deleted(team, actor).with_model()


def on_evidence(path: str, /, **values: object) -> Callable[[Actor], Response]:
    """A request that MLflow judges by `run_uuid`, and carries out on `runId`."""
    return lambda actor: actor.post(
        path, run_uuid=actor.run, runId=actor.facts.evidence_run, **values
    )


def upload(query: Callable[[Actor], str]) -> Callable[[Actor], Response]:
    return lambda actor: actor.send(
        "POST", f"/ajax-api/2.0/mlflow/upload-artifact?{query(actor)}", b"evil"
    )


def delete_other(path: str, body: str) -> Callable[[Actor], Response]:
    """A `DELETE` that MLflow judges by its query, and carries out as its body says."""

    def send(actor: Actor) -> Response:
        return actor.send(
            "DELETE", f"{API}/{path}?name={actor.own_model}", body.encode(), "text/plain"
        )

    return send


DATASET = {"dataset": {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}}
MODEL_CHANGED = "the files of ledger version 1: model.onnx was changed"

HOLES: tuple[Hole, ...] = (
    Hole(
        "overwrite a file that Production resolves to",
        "`upload-artifact?run_id=OWN&run_uuid=EVIDENCE`: judged by the one, done to the other",
        upload(
            lambda actor: (
                f"run_id={actor.run}&run_uuid={actor.facts.evidence_run}&path=model/model.onnx"
            )
        ),
        OTHERS,
        MODEL_CHANGED,
        MODEL_CHANGED,
        ADMINISTRATORS_ONLY,
        prepare=own_run,
    ),
    Hole(
        "write files anywhere on the server's disk",
        "an own experiment with an `artifact_location` of `file:///…`, then `upload-artifact`",
        upload(lambda actor: f"run_uuid={actor.run}&path=evil.py"),
        OTHERS,
        verify="",
        guard=ADMINISTRATORS_ONLY,
        prepare=experiment_at(lambda actor: f"{actor.facts.disk}/artifacts/elsewhere"),
    ),
    Hole(
        "add a file where Production's are",
        "the same, in the folder of the model in Production",
        upload(lambda actor: f"run_uuid={actor.run}&path=evil.py"),
        OTHERS,
        "evil.py was added",
        "evil.py was added",
        ADMINISTRATORS_ONLY,
        prepare=experiment_at(lambda actor: f"{actor.facts.disk}/artifacts/{actor.facts.source}"),
    ),
    *(
        Hole(
            "change a run of evidence",
            f"`{path}` with an own `run_uuid` and the other as `runId`",
            on_evidence(path, **values),
            OTHERS,
            guard=CAMEL_CASE,
            prepare=own_run,
        )
        for path, values in (
            ("runs/set-tag", {"key": "verdict", "value": "refused"}),
            ("runs/log-metric", {"key": "x", "value": 1, "timestamp": 1}),
            ("runs/log-parameter", {"key": "x", "value": "1"}),
            ("runs/log-inputs", {"datasets": [DATASET]}),
            ("runs/update", {"status": "FAILED"}),
        )
    ),
    Hole(
        "delete a run of evidence",
        "the same with `runs/delete`, by the owner of an experiment",
        on_evidence("runs/delete"),
        OTHERS,
        guard=CAMEL_CASE,
        prepare=own_experiment,
    ),
    Hole(
        "take the alias `production` off",
        "`DELETE registered-models/alias` with an own model in the query, and the other in a body "
        "of `text/plain`",
        delete_other(
            "registered-models/alias", f'{{"name": "{PRODUCTION}", "alias": "production"}}'
        ),
        OTHERS,
        "alias production is on version None, the head is 1",
        guard=QUERY,
        prepare=own_model,
    ),
    Hole(
        "delete a tag of the production model",
        "the same with `registered-models/delete-tag`",
        delete_other("registered-models/delete-tag", f'{{"name": "{PRODUCTION}", "key": "team"}}'),
        OTHERS,
        guard=QUERY,
        prepare=own_model,
    ),
    Hole(
        "make experiments",
        "`experiments/create`: its creator gets MANAGE",
        posting("experiments/create", name="own"),
        EVERYONE,
        verify="",
        guard=NOT_MADE,
    ),
    Hole(
        "make registered models",
        "`registered-models/create`: its creator gets MANAGE",
        posting("registered-models/create", name="own"),
        EVERYONE,
        verify="",
        guard=NOT_MADE,
    ),
    Hole(
        "make the production model anew, after an administrator deleted it",
        "`registered-models/create`",
        posting("registered-models/create", name=PRODUCTION),
        OTHERS,
        "0 entries, 0 problems",
        "nothing is in Production yet",
        NOT_MADE,
        prepare=ledger_deleted,
    ),
    Hole(
        "rename an own model onto that name, after an administrator deleted it",
        "`registered-models/rename`: its owner's MANAGE moves with it",
        lambda actor: actor.post(
            "registered-models/rename", name=actor.own_model, new_name=PRODUCTION
        ),
        OTHERS,
        "0 entries, 0 problems",
        "nothing is in Production yet",
        ADMINISTRATORS_ONLY,
        prepare=ledger_deleted_and_own_model,
    ),
    Hole(
        "rename the registered model of the candidates",
        "`registered-models/rename`, which needs EDIT alone",
        posting("registered-models/rename", name=CANDIDATES, new_name="elsewhere"),
        ("trainer", "promoter"),
        "reading alias and tags",
        guard=ADMINISTRATORS_ONLY,
    ),
    Hole(
        "rename the training experiment",
        "`experiments/update`, which needs EDIT alone",
        lambda actor: actor.post(
            "experiments/update", experiment_id=actor.facts.training, new_name="elsewhere"
        ),
        ("trainer",),
        verify="",
        guard=ADMINISTRATORS_ONLY,
    ),
    Hole(
        "rename the promotions experiment",
        "`experiments/update`, which needs EDIT alone",
        in_evidence("experiments/update", new_name="elsewhere"),
        ("promoter",),
        "evidence counts only in fraud-detector-promotions",
        guard=ADMINISTRATORS_ONLY,
    ),
    Hole(
        "rename the production model",
        "`registered-models/rename`, which needs EDIT alone",
        posting("registered-models/rename", name=PRODUCTION, new_name="elsewhere"),
        ("promoter",),
        "0 entries, 0 problems",
        "nothing is in Production yet",
        ADMINISTRATORS_ONLY,
    ),
    Hole(
        "give others rights on the candidates",
        "`users/permissions/grant`, which MANAGE allows",
        posting(
            f"{RIGHTS}/users/permissions/grant",
            username="reader",
            resource_type="registered_model",
            resource_id=CANDIDATES,
            permission="EDIT",
        ),
        ("promoter",),
        verify="",
        guard=ADMINISTRATORS_ONLY,
    ),
    Hole(
        "change one's own password",
        "`users/update-password`: whoever holds a pod's password locks the other pods out",
        lambda actor: actor.change(
            "PATCH",
            "users/update-password",
            username=actor.user,
            password="x" * 16,
            current_password=password(actor.user),
        ),
        ("reader",),
        verify="",
        guard=ADMINISTRATORS_ONLY,
    ),
    Hole(
        "list the users",
        "`users/list`",
        get("users/list"),
        EVERYONE,
        verify="",
        guard=ADMINISTRATORS_ONLY,
        reads=True,
    ),
    Hole(
        "overwrite the files of any candidate",
        "`PUT` through the artifact proxy: EDIT on the training experiment allows it",
        lambda actor: actor.put(f"{actor.facts.candidate_source}/model.onnx"),
        ("trainer",),
        closed_by="the ledger: Production's files are a copy in the evidence; the gate "
        "`integrity.files` notices it before that",
    ),
    Hole(
        "change any training run",
        "`runs/set-tag`: EDIT on the training experiment allows it",
        lambda actor: actor.post(
            "runs/set-tag", run_id=actor.facts.candidate_run, key="authors", value="git:me"
        ),
        ("trainer",),
        closed_by="the attestation of the training job; without it, tags are claims "
        "([provenance.md](../provenance.md))",
    ),
    Hole(
        "edit a candidate",
        "`model-versions/set-tag`: who may set `ledger_version` may set every tag",
        posting("model-versions/set-tag", key="files_sha256", value="0" * 64, **CANDIDATE),
        ("promoter",),
        closed_by="the ledger: evidence and entry name the files' own digests",
    ),
    Hole(
        "edit an entry",
        "`model-versions/set-tag`: who may append may set every tag",
        posting("model-versions/set-tag", key="statement", value="{}", **RELEASE),
        ("promoter",),
        "version 1 is passed over",
        "nothing is in Production yet",
        closed_by="the ledger: `verify` names it, and a reader with a floor refuses it",
    ),
    Hole(
        "hide the ledger",
        "`model-versions/set-tag` with MLflow's tag for prompts",
        posting("model-versions/set-tag", key="mlflow.prompt.is_prompt", value="true", **RELEASE),
        ("promoter",),
        "MLflow hides the versions of fraud-detector-production",
        "MLflow hides the versions of fraud-detector-production",
        closed_by="the ledger: `verify` names it, and nothing starts on it",
    ),
    Hole(
        "overwrite a file that Production resolves to",
        "`PUT` through the artifact proxy: who may write evidence may overwrite it",
        lambda actor: actor.put(f"{actor.facts.source}/model.onnx"),
        ("promoter",),
        MODEL_CHANGED,
        MODEL_CHANGED,
        closed_by="the ledger; and storage that cannot be overwritten, with `--evidence-root`",
    ),
    Hole(
        "append what is not signed",
        "`model-versions/create`",
        lambda actor: actor.post(
            "model-versions/create",
            name=PRODUCTION,
            source=f"mlflow-artifacts:/{actor.facts.source}",
            run_id=actor.facts.evidence_run,
        ),
        ("promoter",),
        "version 2 is passed over: it has no statement",
        closed_by="the ledger: `verify` names it, and nothing serves it",
    ),
    Hole(
        "set any alias of the ledger",
        "`registered-models/alias`",
        posting("registered-models/alias", alias="champion", **RELEASE),
        ("promoter",),
        closed_by="the ledger: no program of ours reads aliases; `repair` sets `production` again",
    ),
)
