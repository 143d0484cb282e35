"""Sign-in by an issuer of OpenID Connect, on a real server with mlflow-oidc-auth; without Entra."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from deploy.local.processes import free_port, run_to_end, running, wait_until_ok
from deploy.tracking.access_control import AccessControl
from deploy.tracking.oidc import OidcSettings, oidc_environment, uses_oidc
from deploy.tracking.settings import read_settings
from deploy.tracking.steps import Rights, Wanted
from registry.errors import Unreachable, UsageError
from registry.tracking.names import PRODUCTION
from registry.tracking.rest import Registry
from tests.components import missing
from tests.deploy.tracking.issuer import (
    CLIENT_ID,
    CLIENT_SECRET,
    Claims,
    Issuer,
    new_key,
    running_issuer,
    token,
)
from tests.places import REPOSITORY

API = "/api/2.0/mlflow"
EXPERIMENT = f"{API}/experiments/get?experiment_id=0"
USERS, ADMINS = "00000000-users", "00000000-admins"
ANA: Claims = {"oid": "oid-of-ana", "sub": "ana", "name": "Ana", "groups": [USERS]}
EVA: Claims = {"oid": "oid-of-eva", "sub": "eva", "name": "Eva", "groups": [ADMINS]}
POD: Claims = {"oid": "oid-of-pod", "sub": "pod", "groups": [USERS]}


@dataclass(frozen=True)
class Site:
    uri: str
    issuer: Issuer

    def visit(self, user: Claims) -> tuple[requests.Session, requests.Response]:
        """A browser that opens the server, and signs in as this user where it is asked to."""
        browser = requests.Session()
        browser.trust_env = False
        self.issuer.user = user
        return browser, browser.get(f"{self.uri}/", headers={"Accept": "text/html"})

    def browser(self, user: Claims) -> requests.Session:
        return self.visit(user)[0]

    def status(self, bearer: str, path: str = EXPERIMENT) -> int:
        headers = {"Authorization": f"Bearer {bearer}"}
        return requests.get(f"{self.uri}{path}", headers=headers, timeout=20).status_code


def python_with_the_package(folder: Path) -> str:
    """A Python with the packages of this one, and mlflow-oidc-auth as it is pinned."""
    python, pins = folder / "bin" / "python", REPOSITORY / "requirements" / "oidc.txt"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
    packages = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    own = sysconfig.get_path("purelib")
    (packages / "project.pth").write_text(f"import site; site.addsitedir({own!r})\n")
    install = [*uv, "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", str(pins)]
    if subprocess.run([*install, "--python", str(python)], check=False).returncode:
        missing("mlflow-oidc-auth", "it needs a package index")
    return str(python)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("oidc"), free_port()
    python = python_with_the_package(folder / "venv")
    uri, log = f"http://127.0.0.1:{port}", folder / "server.log"
    with running_issuer() as issuer:
        environment = {
            "PYTHONPATH": str(REPOSITORY),
            "FRAUD_TRACKING_AUTH": "oidc",
            "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
            "OIDC_USERS_DB_URI": f"sqlite:///{folder}/users.db",
            "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "k" * 32,
            "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "A" * 43 + "=",
            "MLFLOW_PORT": str(port),
            "MLFLOW_WORKERS": "1",
            "OIDC_DISCOVERY_URL": f"{issuer.uri}/.well-known/openid-configuration",
            "OIDC_ISSUER": issuer.uri,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_REDIRECT_URI": f"{uri}/callback",
            "OIDC_GROUP_NAME": USERS,
            "OIDC_ADMIN_GROUP_NAME": ADMINS,
        }
        command = [python, "-m", "deploy.tracking"]
        run_to_end([*command, "migrate"], folder / "migrate.log", environment)
        with running([*command, "serve"], log, environment) as process:
            wait_until_ok(process, f"{uri}/ready", log)
            yield Site(uri, issuer)


def test_whoever_is_not_signed_in_is_led_to_the_issuer(site: Site) -> None:
    _, page = site.visit(ANA)

    assert [urlsplit(response.url).path for response in page.history] == [
        "/",
        "/login",
        "/authorize",
        "/callback",
    ]
    asked = dict(parse_qsl(urlsplit(page.history[2].url).query))
    assert asked["client_id"] == CLIENT_ID
    assert asked["redirect_uri"] == f"{site.uri}/callback"
    assert asked["code_challenge_method"] == "S256"
    assert requests.get(f"{site.uri}{EXPERIMENT}", timeout=20).status_code == 401


def test_a_user_who_signed_in_has_no_right(site: Site) -> None:
    browser = site.browser(ANA)

    user = browser.get(f"{site.uri}{API}/users/current").json()
    assert (user["username"], user["is_admin"]) == ("oid-of-ana", False)
    assert browser.get(f"{site.uri}{EXPERIMENT}").status_code == 403
    for kind in ("experiments", "registered-models"):
        created = browser.post(f"{site.uri}{API}/{kind}/create", json={"name": "hers"})
        assert created.status_code == 403


def test_groups_decide_who_enters_and_who_is_administrator(site: Site) -> None:
    user = site.browser(EVA).get(f"{site.uri}{API}/users/current").json()
    stranger = site.browser({**ANA, "oid": "oid-of-bob", "sub": "bob", "groups": ["others"]})

    assert (user["username"], user["is_admin"]) == ("oid-of-eva", True)
    assert stranger.get(f"{site.uri}{EXPERIMENT}").status_code == 401


def test_who_leaves_the_group_of_administrators_is_none_after_the_next_sign_in(site: Site) -> None:
    max_: Claims = {**EVA, "oid": "oid-of-max", "sub": "max"}

    assert site.browser(max_).get(f"{site.uri}{EXPERIMENT}").status_code == 200
    assert site.browser({**max_, "groups": [USERS]}).get(f"{site.uri}{EXPERIMENT}").status_code == (
        403
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "of another sign-in"},
        {"aud": "another application"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"oid": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_wrong_identity_token_signs_nobody_in(site: Site, changes: Claims) -> None:
    browser = site.browser({**ANA, **changes})

    assert browser.get(f"{site.uri}{EXPERIMENT}").status_code == 401


@pytest.mark.parametrize("case", ["another state", "another browser", "code again"])
def test_an_answer_that_no_sign_in_of_this_browser_asked_for_is_refused(
    site: Site, case: str
) -> None:
    first, second = requests.Session(), requests.Session()
    site.issuer.user = ANA
    asked = first.get(f"{site.uri}/login", allow_redirects=False).headers["Location"]
    answer = first.get(asked, allow_redirects=False).headers["Location"]
    if case == "another state":
        answer = answer.replace("state=", "state=x")
    elif case == "code again":
        assert first.get(answer, allow_redirects=False).headers["Location"] == site.uri
    browser = second if case == "another browser" else first
    refused = browser.get(answer, allow_redirects=False)

    assert refused.headers["Location"].startswith(f"{site.uri}/oidc/ui/auth?error=")
    if case != "code again":
        assert browser.get(f"{site.uri}{EXPERIMENT}").status_code == 401


def test_a_token_of_the_issuer_is_accepted_without_a_browser(site: Site) -> None:
    site.visit(EVA)

    assert site.status(site.issuer.bearer(**EVA)) == 200
    # Known from now on, and without any right.
    assert site.status(site.issuer.bearer(**POD)) == 403
    assert site.status(site.issuer.bearer(**{**POD, "oid": "a stranger", "groups": []})) == 401
    # Nobody becomes administrator by a token alone.
    assert site.status(site.issuer.bearer(**{**POD, "oid": "new", "groups": [ADMINS]})) == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another application"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"exp": None},
        {"nbf": 9_999_999_999},
        {"oid": None},
    ],
    ids=str,
)
def test_a_wrong_token_is_refused(site: Site, changes: Claims) -> None:
    site.visit(EVA)

    assert site.status(site.issuer.bearer(**{**EVA, **changes})) == 401


def test_a_token_that_the_issuer_did_not_sign_is_refused(site: Site) -> None:
    site.visit(EVA)
    claims = site.issuer.claims(**EVA)

    assert site.status(token(claims, None, "none")) == 401
    assert site.status(token(claims, None, "HS256")) == 401
    assert site.status(token(claims, new_key())) == 401
    assert site.status(token(claims, site.issuer.key)) == 200


def test_a_pod_reads_the_ledger_once_it_may_and_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, pod = site.browser(EVA), site.issuer.bearer(**{**POD, "oid": "oid-of-a-reader"})
    model = {"name": PRODUCTION}
    assert admin.post(f"{site.uri}{API}/registered-models/create", json=model).ok
    run = admin.post(f"{site.uri}{API}/runs/create", json={"experiment_id": "0"}).json()
    run_id = run["run"]["info"]["run_id"]
    source = f"{run['run']['info']['artifact_uri']}/model"
    version = {**model, "source": source, "run_id": run_id}
    for _ in range(3):
        assert admin.post(f"{site.uri}{API}/model-versions/create", json=version).ok
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", pod)
    registry = Registry(site.uri)

    # What it may not read is filtered out, which our client does not take for an empty ledger.
    with pytest.raises(Unreachable, match="not an MLflow response"):
        list(registry.versions())

    right = f"{API}/permissions/users/oid-of-a-reader/registered-models/{PRODUCTION}"
    assert admin.post(f"{site.uri}{right}", json={"permission": "READ"}).ok
    assert [found.number for found in registry.versions(page=2)] == [1, 2, 3]
    for target, body in (
        ("model-versions/create", version),
        ("model-versions/set-tag", {**model, "version": "1", "key": "k", "value": "v"}),
        ("registered-models/alias", {**model, "version": "1", "alias": "production"}),
    ):
        headers = {"Authorization": f"Bearer {pod}"}
        refused = requests.post(f"{site.uri}{API}/{target}", json=body, headers=headers, timeout=20)
        assert refused.status_code == 403


def test_edit_lets_a_user_rename_a_registered_model(site: Site) -> None:
    admin, trainer = (
        site.browser(EVA),
        site.browser({**ANA, "oid": "oid-of-a-trainer", "sub": "trainer"}),
    )
    model = {"name": "edited"}
    assert admin.post(f"{site.uri}{API}/registered-models/create", json=model).ok
    right = f"{API}/permissions/users/oid-of-a-trainer/registered-models/edited"
    assert admin.post(f"{site.uri}{right}", json={"permission": "EDIT"}).ok

    deleted = trainer.delete(f"{site.uri}{API}/registered-models/delete", json=model)
    renamed = trainer.post(
        f"{site.uri}{API}/registered-models/rename", json={**model, "new_name": "renamed"}
    )

    assert (deleted.status_code, renamed.status_code) == (403, 200)


def test_rights_works_with_basic_auth_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.visit(EVA)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", site.issuer.bearer(**EVA))

    with pytest.raises(Unreachable, match="not an MLflow response"):
        Rights(AccessControl(site.uri), Wanted({}, {}))


@pytest.mark.parametrize("path", ["/", "/login", "/oidc/ui/", EXPERIMENT])
def test_no_other_name_of_the_server_is_answered(site: Site, path: str) -> None:
    refused = requests.get(f"{site.uri}{path}", headers={"Host": "evil.example"}, timeout=20)

    assert (refused.status_code, refused.text[:19]) == (403, "Invalid Host header")


SETTINGS = {
    "MLFLOW_BACKEND_STORE_URI": "postgresql+psycopg2://mlflow@db:5432/mlflow",
    "OIDC_USERS_DB_URI": "postgresql+psycopg2://mlflow@db:5432/users",
    "MLFLOW_ARTIFACTS_DESTINATION": "wasbs://mlflow@bank.blob.core.windows.net",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "k" * 32,
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "A" * 43 + "=",
    "OIDC_DISCOVERY_URL": "https://login.example/v2.0/.well-known/openid-configuration",
    "OIDC_ISSUER": "https://login.example/v2.0",
    "OIDC_CLIENT_ID": "the id",
    "OIDC_CLIENT_SECRET": "the secret",
    "OIDC_REDIRECT_URI": "https://mlflow.example.com/callback",
    "OIDC_GROUP_NAME": "users",
    "OIDC_ADMIN_GROUP_NAME": "admins",
}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OIDC_USERS_DB_URI", SETTINGS["MLFLOW_BACKEND_STORE_URI"], "must name another database"),
        ("OIDC_USERS_DB_URI", "mysql://secret@db", "must be such as postgresql"),
        ("OIDC_DISCOVERY_URL", "http://login.example", "must start with https://"),
        ("OIDC_ISSUER", "http://127.0.0.1.evil.example", "must start with https://"),
        ("OIDC_REDIRECT_URI", "mlflow.example.com/callback", "must start with https://"),
        ("OIDC_CLIENT_SECRET", "", "at least 1"),
        ("OIDC_GROUP_NAME", "", "at least 1 character"),
        ("OIDC_ADMIN_GROUP_NAME", "", "at least 1 character"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    for variable, right in {**SETTINGS, name: value}.items():
        monkeypatch.setenv(variable, right)

    with pytest.raises(UsageError, match=message) as caught:
        read_settings(OidcSettings)

    assert name in str(caught.value)
    assert "secret" not in str(caught.value)


def test_without_the_package_the_message_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable, right in SETTINGS.items():
        monkeypatch.setenv(variable, right)

    with pytest.raises(UsageError, match=r"pip install .* -r requirements/oidc\.txt"):
        oidc_environment(read_settings(OidcSettings))


def test_an_unknown_kind_of_sign_in_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_TRACKING_AUTH", "saml")

    with pytest.raises(UsageError, match="FRAUD_TRACKING_AUTH must be basic or oidc"):
        uses_oidc()
