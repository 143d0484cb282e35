"""A clone of the code: commits, their authors and signatures, and files as they are at a commit.

For the training job, the clone that it runs from; for the evaluator its own, which no author of a
candidate can write to.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from registry.ledger.manifest import Manifest, sha256_of, sha256_of_bytes

CODE = (
    "features", "registry", "training", "MLproject", "conda.yaml", "pyproject.toml", "requirements",
)  # fmt: skip
"""The code and configuration that a training run can use."""

REVISION_FILE = "REVISION"
"""Beside the code of an image: the commit that it is of."""
LEFT_BEHIND = frozenset({"__pycache__"})
SECONDS = 60
COMMIT = re.compile(r"[0-9a-f]{40}")
GOOD_SIGNATURES = ("G", "U")
"""git's `%G?` for a signature by a known key; of SSH keys only those in the signers' file are."""


@dataclass(frozen=True)
class Repository:
    """A git checkout. What git does not know, or where git is missing, is None."""

    folder: Path

    def git(self, *arguments: str) -> bytes | None:
        """What git printed, or None where it failed, is missing or takes longer than a minute."""
        command = ["git", "-C", str(self.folder), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout

    def line(self, *arguments: str) -> str | None:
        printed = self.git(*arguments)
        return None if printed is None else printed.decode(errors="replace").strip()

    @property
    def top(self) -> Path | None:
        """The folder of the checkout."""
        line = self.line("rev-parse", "--show-toplevel")
        return Path(line) if line else None

    @property
    def head(self) -> str | None:
        """The commit that is checked out; in an image, which is no checkout, that of its code."""
        if commit := self.line("rev-parse", "HEAD"):
            return commit
        file = self.folder / REVISION_FILE
        said = file.read_text().strip() if file.is_file() else ""
        return said if COMMIT.fullmatch(said) else None

    def has(self, commit: str) -> bool:
        return bool(COMMIT.fullmatch(commit)) and self.git("cat-file", "-e", commit) is not None

    def branch_with(self, commit: str, branches: tuple[str, ...]) -> str | None:
        """The first of the branches, here or on a remote `origin`, that contains the commit."""
        for branch in branches:
            for ref in (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"):
                if self.git("merge-base", "--is-ancestor", commit, ref) is not None:
                    return branch
        return None

    def author(self, commit: str) -> str | None:
        """The e-mail address of a commit's author: whatever its committer wrote there."""
        return self.line("log", "-1", "--format=%ae", commit)

    def signer(self, commit: str, signers: Path) -> str | None:
        """The principal in the signers' file whose SSH key signed the commit; None without one.

        Source: gitformat-signature(5), and ssh-keygen(1), ALLOWED SIGNERS.
        """
        signature = self.line(
            "-c",
            f"gpg.ssh.allowedSignersFile={signers.absolute()}",
            "log",
            "-1",
            "--format=%G?%x09%GS",
            commit,
        )
        status, _, principal = (signature or "").partition("\t")
        return principal if status in GOOD_SIGNATURES and principal else None

    def is_signed(self, commit: str) -> bool:
        """Whether a commit has a signature, by whatever key."""
        header, _, _ = (self.git("cat-file", "commit", commit) or b"").partition(b"\n\n")
        return b"\ngpgsig" in header

    def file(self, commit: str, path: str) -> bytes | None:
        return self.git("cat-file", "blob", f"{commit}:{path}")

    def uncommitted(self, dataset: Path) -> tuple[str, ...] | None:
        """What a training run can use and is not as in the commit: POSIX paths from the top.

        That is code and configuration, untracked files included, and the data-set file, also where
        git ignores it; one outside the checkout is named as it is. Raises OSError where that file
        cannot be read.
        """
        top = self.top
        if top is None:
            return None
        printed = self.git(
            *("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--"),
            *(f":(top){path}" for path in CODE),
        )
        if printed is None:
            return None
        changed = [line[3:] for line in printed.decode(errors="replace").split("\0") if line]
        inside = dataset.resolve().is_relative_to(top)
        name = dataset.resolve().relative_to(top).as_posix() if inside else str(dataset)
        if not inside or self.file("HEAD", name) != dataset.read_bytes():
            changed.append(name)
        return tuple(dict.fromkeys(changed))

    def changers(self, path: Path, known_sha256: str) -> tuple[str, ...] | None:
        """E-mail addresses of who changed a file since it had a digest, newest first.

        All who ever changed it where it never had that digest; None where it is in no checkout.
        """
        top = self.top
        if top is None or not path.resolve().is_relative_to(top):
            return None
        name = path.resolve().relative_to(top).as_posix()
        addresses: list[str] = []
        for line in (self.line("log", "--format=%H %ae", "--", name) or "").splitlines():
            commit, _, address = line.partition(" ")
            content = self.file(commit, name)
            if content is not None and sha256_of_bytes(content) == known_sha256:
                break
            if address not in addresses:
                addresses.append(address)
        return tuple(addresses)

    def code_at(self, commit: str) -> Manifest | None:
        """The code and configuration at a commit; None where the commit does not have them."""
        names = self.git("ls-tree", "--name-only", commit)
        if names is None:
            return None
        present = [name for name in CODE if name in names.decode().splitlines()]
        archive = self.git("archive", "--format=tar", commit, "--", *present)
        if archive is None:
            return None
        digests: dict[str, str] = {}
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                if content := tar.extractfile(member):
                    digests[member.name] = sha256_of_bytes(content.read())
        return Manifest(digests)


def code_manifest(folder: Path) -> Manifest:
    """The code and configuration below a folder as they are on disk, untracked files included."""
    return Manifest(
        {path.relative_to(folder).as_posix(): sha256_of(path) for path in _code_files(folder)}
    )


def _code_files(folder: Path) -> Iterator[Path]:
    for name in CODE:
        path = folder / name
        if path.is_file():
            yield path
        for below in path.rglob("*") if path.is_dir() else ():
            if below.is_file() and not LEFT_BEHIND & set(below.parts):
                yield below
