"""Bearer tokens: who they are, and what happens to them while the service runs."""

from __future__ import annotations

import hashlib
import hmac
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import tokens
from inference.tokens import SCOPES, Token, Tokens, new_token, read_tokens
from registry.errors import UsageError
from tests.inference.calls import ALICE, BOB


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"{ALICE}\n{BOB}\n")
    return path


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file counts from the next request on."""
    monkeypatch.setattr(tokens, "CHECK_INTERVAL_SECONDS", -1.0)


def test_a_new_token_has_256_random_bits_and_its_line_only_the_hash() -> None:
    token, line = new_token("payments-1.test_x")
    assert len(token) == 43
    assert line == f"payments-1.test_x {hashlib.sha256(token.encode()).hexdigest()}"
    assert new_token("payments-1.test_x")[0] != token


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "é", "a" * 65, "#a", "a/b"])
def test_a_token_that_the_file_could_not_name_is_not_made(name: str) -> None:
    with pytest.raises(UsageError, match="the name of a token must be 1 to 64 letters"):
        new_token(name)


def test_a_file_holds_several_tokens_comments_and_blank_lines(path: Path) -> None:
    path.write_text(f"# who may ask\n\n  {ALICE}  \n{BOB.replace(' ', chr(9))}")
    assert read_tokens(path) == {
        "alice": Token(hashlib.sha256(b"alice").digest(), frozenset({"predict"})),
        "bob": Token(hashlib.sha256(b"bob").digest(), frozenset({"predict"})),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "{path} has no tokens; add one with `python -m inference token NAME`"),
        ("# none\n", "{path} has no tokens; add one with `python -m inference token NAME`"),
        (f"{ALICE}\nbob\n", "{path}: line 2 is not `NAME SHA256` or `NAME SHA256 SCOPES`"),
        (ALICE.upper(), "{path}: line 1 is not `NAME SHA256` or `NAME SHA256 SCOPES`"),
        (ALICE[:-1], "{path}: line 1 is not `NAME SHA256` or `NAME SHA256 SCOPES`"),
        (f"{ALICE} labels more", "{path}: line 1 is not `NAME SHA256` or `NAME SHA256 SCOPES`"),
        (f"{ALICE}\n\n{ALICE}", "{path}: line 3 repeats the name alice"),
    ],
)
def test_an_error_in_a_file_is_reported_with_its_line(text: str, said: str, path: Path) -> None:
    path.write_text(text)
    with pytest.raises(UsageError) as refusal:
        read_tokens(path)
    assert str(refusal.value) == said.format(path=path)


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        Tokens(tmp_path / "tokens")
    assert str(refusal.value) == (
        f"the token file {tmp_path}/tokens cannot be read (No such file or directory); create "
        f"it with `python -m inference token NAME >> {tmp_path}/tokens`, set FRAUD_TOKENS to "
        "another file, or set FRAUD_AUTH=off to serve requests on loopback without tokens"
    )


def test_a_file_that_is_not_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="it is not text"):
        Tokens(path)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"Bearer alice", "alice"),
        (b"Bearer bob", "bob"),
        (b"bearer bob", "bob"),
        (b"BEARER  bob ", "bob"),
        (b"", None),
        (b"Bearer", None),
        (b"Bearer ", None),
        (b"alice", None),
        (b"Basic alice", None),
        (b"Bearer Alice", None),
        (b"Bearer alice bob", None),
        (b"Bearer carol", None),
        (b"Bearer " + ALICE.split()[1].encode(), None),
        (b"Bearer \xff", None),
    ],
)
def test_a_header_is_known_by_its_token_and_the_scheme(
    header: bytes, name: str | None, path: Path
) -> None:
    assert Tokens(path).name_of(header) == name


@given(header=st.binary(max_size=60))
def test_no_other_header_is_accepted(
    header: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "tokens"
    if not path.exists():
        path.write_text(f"{ALICE}\n{BOB}\n")
    assert Tokens(path).name_of(header) is None


@pytest.mark.parametrize("header", [b"Bearer alice", b"Bearer bob", b"Bearer carol", b""])
def test_every_token_is_compared_in_constant_time_whichever_fits(
    header: bytes, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []

    def compare_digest(known: bytes, given: bytes) -> bool:
        compared.append(known)
        return hmac.compare_digest(known, given)

    known = Tokens(path)
    monkeypatch.setattr(tokens, "hmac", SimpleNamespace(compare_digest=compare_digest))
    known.name_of(header)
    assert compared == [hashlib.sha256(b"alice").digest(), hashlib.sha256(b"bob").digest()]


def test_tokens_are_rotated_without_a_restart(
    path: Path, at_once: None, caplog: pytest.LogCaptureFixture
) -> None:
    known = Tokens(path)
    token, line = new_token("carol")
    with caplog.at_level(logging.INFO, "inference"):
        path.write_text(f"{ALICE}\n{line}\n")
        assert known.name_of(f"Bearer {token}".encode()) == "carol"
    assert known.name_of(b"Bearer alice") == "alice"
    assert known.name_of(b"Bearer bob") is None
    assert caplog.messages == ["tokens reloaded: alice, carol"]
    assert token not in caplog.text


def test_a_file_that_is_replaced_is_reloaded(path: Path, at_once: None) -> None:
    """As Kubernetes does with a mounted secret: a name points at another file."""
    known = Tokens(path)
    other = path.with_name("other")
    other.write_text(f"{BOB}\n")
    other.replace(path)
    assert known.name_of(b"Bearer alice") is None
    assert known.name_of(b"Bearer bob") == "bob"


@pytest.mark.parametrize("text", ["", "alice", f"{ALICE}\n{ALICE}\n"])
def test_a_broken_file_changes_nothing_until_it_is_repaired(
    text: str, path: Path, at_once: None, caplog: pytest.LogCaptureFixture
) -> None:
    known = Tokens(path)
    path.write_text(text)
    for _ in range(3):
        assert known.name_of(b"Bearer alice") == "alice"
        assert known.name_of(b"Bearer bob") == "bob"
    (message,) = caplog.messages
    assert message.startswith(f"keeping the tokens that were read before: {path}")
    path.write_text(f"{BOB}\n")
    assert known.name_of(b"Bearer alice") is None
    assert known.name_of(b"Bearer bob") == "bob"


def test_a_file_that_disappears_changes_nothing(
    path: Path, at_once: None, caplog: pytest.LogCaptureFixture
) -> None:
    known = Tokens(path)
    path.unlink()
    assert known.name_of(b"Bearer alice") == "alice"
    assert "keeping the tokens that were read before: the token file " in caplog.text


def test_the_file_is_checked_once_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: now))
    known = Tokens(path)
    path.write_text(f"{BOB}\n")
    now = 101.0
    assert known.name_of(b"Bearer alice") == "alice"
    now = 101.1
    assert known.name_of(b"Bearer alice") is None


def test_a_token_allows_its_scopes_and_predict_if_it_states_none(path: Path) -> None:
    path.write_text(f"{ALICE}\n{BOB} labels,history\n")
    known = Tokens(path)

    allowed = {
        name: [scope for scope in SCOPES if known.allows(name, scope)] for name in ("alice", "bob")
    }
    assert allowed == {"alice": ["predict"], "bob": ["labels", "history"]}
    assert not known.allows("carol", "predict")


def test_a_scope_that_there_is_not_is_refused(path: Path) -> None:
    path.write_text(f"{ALICE} predict,admin\n")

    with pytest.raises(UsageError, match="line 1 has the scope 'admin', which is none of predict"):
        read_tokens(path)


def test_a_new_token_has_its_scopes_on_its_line() -> None:
    assert new_token("chargebacks", ["labels"])[1].endswith(" labels")
    assert new_token("both", ["labels", "predict"])[1].endswith(" labels,predict")
