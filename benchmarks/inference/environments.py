"""A virtual environment per server, so that each has the versions that it requires."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks.inference.errors import CannotMeasure
from benchmarks.paths import CACHE, REPOSITORY

REQUIREMENTS = {
    "inference": REPOSITORY / "requirements" / "inference.txt",
    "records": REPOSITORY / "requirements" / "records.txt",
    **{
        name: REPOSITORY / "benchmarks" / "requirements" / f"{name}.txt"
        for name in ("mlserver", "bentoml", "k6", "feast", "evidently", "nannyml")
    },
}
INSTALL_SECONDS = 900.0


def install(name: str) -> Path:
    """Install an environment, if its pins changed since the last time; return its `bin` folder.

    Raises CannotMeasure if the installation fails.
    """
    requirements = REQUIREMENTS[name]
    folder, stamp = CACHE / name, CACHE / name / "installed"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        print(f"installing {name} into {folder.relative_to(REPOSITORY)}", flush=True)
        _uv("venv", "--clear", "--python", sys.executable, str(folder))
        python = str(folder / "bin" / "python")
        _uv("pip", "install", "--python", python, "--require-hashes", "-r", str(requirements))
        stamp.write_text(digest)
    return folder / "bin"


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    try:
        subprocess.run([str(uv), "--quiet", *arguments], check=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotMeasure(f"`uv {' '.join(arguments[:2])} …` failed: {error}") from error
