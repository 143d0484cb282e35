"""All facts about a candidate: what its training job signed, checked against what others know.

The author of a candidate can write every tag and file of its run. What is only there is `claimed`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from registry.errors import NotFound, UsageError, VerificationError, on_one_line
from registry.ledger.manifest import Manifest, sha256_of_bytes
from registry.ledger.statement import format_time
from registry.model.contract import Window
from registry.provenance.attestation import LOCAL_BUILDER, Attestation, open_attestation
from registry.provenance.environment import LOCK_FILES, foreign_packages, named, pins_of
from registry.provenance.facts import FACT_NAMES, Fact, FactName, Provenance
from registry.provenance.github import GitHub
from registry.provenance.identity import checked_identity, identity_of, realm_of
from registry.provenance.jenkins import read_build
from registry.provenance.repository import Repository
from registry.provenance.trusted import Trusted
from registry.tracking.names import (
    AUTHORS_TAG,
    DATA_TAG,
    GIT_COMMIT_TAG,
    GIT_DIRTY_TAG,
    REQUIREMENTS_TAG,
)

NOT_ATTESTED = "the candidate has no attestation; train it with FRAUD_TRAINING_KEY"


@dataclass(frozen=True)
class Claims:
    """What the candidate's author wrote or could write, and when the candidate was registered.

    `attestation` and `environment` are files of the training run; `window` is the contract's.
    """

    files: Manifest
    window: Window
    tags: Mapping[str, str]
    attestation: bytes | None
    environment: bytes | None
    registered_at: datetime


def collect(claims: Claims, trusted: Trusted, environment: Mapping[str, str]) -> Provenance:
    """All facts about the candidate of the claims.

    `environment` holds GITHUB_TOKEN, JENKINS_USER and JENKINS_API_TOKEN, where they are needed.
    Raises Unreachable where GitHub or Jenkins is to confirm a fact and does not answer.
    """
    repository = Repository(trusted.repository)
    try:
        attested, key = _attested(claims, trusted)
    except VerificationError as error:
        return _claimed(claims, repository, str(error))
    return _Verifier(claims, attested, key, trusted, repository, environment).provenance()


def _attested(claims: Claims, trusted: Trusted) -> tuple[Attestation, str]:
    """The attestation of exactly the candidate's files, and the start of its key's id."""
    if claims.attestation is None:
        raise VerificationError(NOT_ATTESTED)
    text = claims.attestation.decode(errors="replace")
    attested, keyid = open_attestation(text, trusted.public_keys())
    Manifest(attested.files).require(claims.files, "the attestation is of other files")
    return attested, keyid[:12]


def _claimed(claims: Claims, repository: Repository, reason: str) -> Provenance:
    """The facts where nothing is signed: the tags of the run, as they are now."""
    tags = claims.tags
    commit = tags.get(GIT_COMMIT_TAG, "")
    authors = _identities(tags.get(AUTHORS_TAG, ""))
    if repository.has(commit) and (address := repository.author(commit)):
        authors = tuple(dict.fromkeys((*authors, *_identities(f"git:{address}"))))
    values: dict[FactName, str] = {
        "files": claims.files.digest,
        "commit": commit,
        "code": tags.get(GIT_DIRTY_TAG, ""),
        "data": tags.get(DATA_TAG, ""),
        "window": window_text(claims.window),
        "environment": tags.get(REQUIREMENTS_TAG, ""),
        "authors": " ".join(authors),
    }
    facts = (Fact(name=name, value=values.get(name, ""), reason=reason) for name in FACT_NAMES)
    return Provenance(facts=tuple(facts), authors=authors)


def _identities(text: str) -> tuple[str, ...]:
    """The identities in a tag; a word that is none could never be compared with another."""
    identities: list[str] = []
    for word in text.split():
        try:
            identities.append(checked_identity(word.lower()))
        except UsageError:
            continue
    return tuple(dict.fromkeys(identities))


def window_text(window: Window) -> str:
    return f"{format_time(window.start)} to {format_time(window.end)}"


@dataclass(frozen=True)
class _Verifier:
    """Checks each part of an attestation; a method for each fact returns it."""

    claims: Claims
    attested: Attestation
    key: str
    trusted: Trusted
    repository: Repository
    environment: Mapping[str, str]

    def provenance(self) -> Provenance:
        attested = self.attested
        authors, starter = self._authors(), self._starter()
        commit = self._commit()
        facts = (
            self._signed("files", self.claims.files.digest),
            commit,
            self._code(),
            self._dataset(),
            self._signed("data", attested.data),
            self._window(),
            self._environment(),
            authors,
            starter,
        )
        makers = f"{authors.value} {starter.value}"
        if not authors.verified:
            makers += f" {self.claims.tags.get(AUTHORS_TAG, '')}"
        return Provenance(
            facts=facts,
            authors=_identities(makers),
            sealed_at=max(attested.finished_at, self.claims.registered_at),
        )

    def _signed(self, name: FactName, value: str) -> Fact:
        return Fact(name=name, value=value, by=f"the training job's key {self.key}")

    def _commit(self) -> Fact:
        commit, branches = self.attested.commit, self.trusted.trusted_branches
        if not self.repository.has(commit):
            reason = "the evaluator's repository does not have it; fetch the whole history"
            return Fact(name="commit", value=commit, reason=reason)
        branch = self.repository.branch_with(commit, branches)
        if branch is None:
            reason = f"it is on no trusted branch ({', '.join(branches)}); merge it"
            return Fact(name="commit", value=commit, reason=reason)
        return Fact(name="commit", value=commit, by=f"the evaluator's repository, branch {branch}")

    def _code(self) -> Fact:
        commit, ran = self.attested.commit, self.attested.code
        there = self.repository.code_at(commit) if self.repository.has(commit) else None
        if there is None:
            return Fact(name="code", value=ran, reason="the evaluator has no such commit")
        if there.digest != ran:
            reason = "what ran is not the code of the commit; commit all changes and train again"
            return Fact(name="code", value=ran, reason=reason)
        return Fact(name="code", value=ran, by="the evaluator's repository at the commit")

    def _dataset(self) -> Fact:
        path, digest = self.attested.dataset_path, self.attested.dataset
        content = self.repository.file(self.attested.commit, path) if path else None
        if content is None or sha256_of_bytes(content) != digest:
            reason = f"the commit has no such file at {path or 'any path'}; commit it"
            return Fact(name="dataset", value=digest, reason=reason)
        return Fact(name="dataset", value=digest, by=f"{path} at the commit")

    def _window(self) -> Fact:
        text = window_text(self.attested.window)
        if self.attested.window != self.claims.window:
            reason = f"the contract says {window_text(self.claims.window)}"
            return Fact(name="window", value=text, reason=reason)
        return self._signed("window", text)

    def _environment(self) -> Fact:
        digest, recorded = self.attested.environment, self.claims.environment
        if recorded is None or sha256_of_bytes(recorded) != digest:
            reason = "the run's environment.txt is not the one that the training job wrote"
            return Fact(name="environment", value=digest, reason=reason)
        locks = [self.repository.file(self.attested.commit, path) for path in LOCK_FILES]
        pins = pins_of(lock.decode(errors="replace") for lock in locks if lock is not None)
        if foreign := foreign_packages(recorded.decode(errors="replace"), pins):
            reason = f"not pinned in {' and '.join(LOCK_FILES)} at the commit: {named(foreign)}"
            return Fact(name="environment", value=digest, reason=reason)
        return Fact(name="environment", value=digest, by="the lock files at the commit")

    def _authors(self) -> Fact:
        """Whoever signed the commit can have written any author into it, so both are authors."""
        commit = self.attested.commit
        address = self.repository.author(commit) if self.repository.has(commit) else None
        value = f"git:{address}" if address else ""
        signers = self.trusted.commit_signers
        if address and signers and (principal := self.repository.signer(commit, signers)):
            both = dict.fromkeys((value, f"git:{principal}"))
            return _people("authors", tuple(both), f"the commit's signature by {principal}")
        if github := self._github():
            try:
                signed = github.commit(commit)
            except NotFound as error:
                return Fact(name="authors", value=value, reason=str(error))
            if signed.verified and signed.accounts:
                accounts = [f"github:{name}" for name in signed.accounts]
                return _people("authors", (value, *accounts), "the commit's signature, by GitHub")
        reason = "the commit is not signed by a known key, so its e-mail address can be anyone's"
        return _people("authors", (value,), "", reason)

    def _github(self) -> GitHub | None:
        settings = self.trusted.github
        if settings is None:
            return None
        token = self.environment.get("GITHUB_TOKEN", "")
        return GitHub(settings.api, settings.repository, token)

    def _starter(self) -> Fact:
        run, github, jenkins = self.attested.invocation, self.trusted.github, self.trusted.jenkins
        if github is not None:
            runs = re.escape(f"{github.server}/{github.repository}/actions/runs/")
            if match := re.fullmatch(rf"{runs}(\d+)/attempts/(\d+)", run):
                return self._started_on_github(match[1], match[2], github.workflow)
        if jenkins is not None and re.fullmatch(rf"{re.escape(jenkins.job)}\d+/", run):
            return self._started_in_jenkins(run)
        if self.attested.builder == LOCAL_BUILDER and realm_of(run) == "os":
            return _people("starter", (run,), f"the training job's key {self.key}")
        reason = f"provenance.yaml names no CI system that ran {on_one_line(run)}"
        return Fact(name="starter", value="", reason=reason)

    def _started_on_github(self, number: str, attempt: str, workflow: str) -> Fact:
        github = self._github()
        assert github is not None  # noqa: S101 (its settings are there)
        try:
            run = github.run(number, attempt)
        except NotFound as error:
            return Fact(name="starter", value="", reason=str(error))
        expected = {"workflow": workflow, "commit": self.attested.commit}
        actual = {"workflow": run.workflow, "commit": run.commit}
        if wrong := [name for name in expected if expected[name] != actual[name]]:
            reason = f"GitHub's run {number} has another {wrong[0]}: {actual[wrong[0]]}"
            return Fact(name="starter", value="", reason=reason)
        if run.branch not in self.trusted.trusted_branches:
            reason = f"GitHub's run {number} was on {run.branch}, which is no trusted branch"
            return Fact(name="starter", value="", reason=reason)
        starters = tuple(f"github:{name}" for name in run.starters)
        return _people("starter", starters, f"GitHub's run {number}")

    def _started_in_jenkins(self, url: str) -> Fact:
        build = read_build(url, self.environment)
        if self.attested.commit not in build.commits:
            return Fact(name="starter", value="", reason=f"{url} did not build that commit")
        starters = tuple(f"jenkins:{name}" for name in build.starters)
        if not starters:
            return Fact(name="starter", value="", reason=f"nobody started {url} by hand")
        return _people("starter", starters, f"Jenkins' build {url}")


def _people(name: FactName, identities: tuple[str, ...], by: str, reason: str = "") -> Fact:
    """A fact about people, claimed where an identity is not in its one spelling."""
    spelled: list[str] = []
    for identity in filter(None, identities):
        realm, _, account = identity.partition(":")
        try:
            spelled.append(identity_of(realm, account))
        except UsageError as error:
            return Fact(name=name, value=" ".join(spelled), reason=str(error))
    return Fact(name=name, value=" ".join(dict.fromkeys(spelled)), by=by, reason=reason)
