"""Installed packages against lock files."""

from __future__ import annotations

from registry.provenance.environment import foreign_packages, named, pins_of

LOCK = """\
# made by uv
numpy==2.0.0 ; python_version < '3.12' \\
    --hash=sha256:00
numpy==2.1.0 ; python_version >= '3.12' \\
    --hash=sha256:00
    # via pandas
ruamel-yaml==0.18
"""


def test_a_lock_file_pins_versions_by_normalized_name() -> None:
    assert pins_of([LOCK, "Flask==3.0\n"]) == {
        "numpy": {"2.0.0", "2.1.0"},
        "ruamel-yaml": {"0.18"},
        "flask": {"3.0"},
    }


def test_what_is_pinned_or_makes_the_environment_is_not_foreign() -> None:
    installed = "Ruamel.Yaml==0.18\nnumpy==2.1.0\npip==99\nfraud-registry==0.1\n"
    assert foreign_packages(installed, pins_of([LOCK])) == ()


def test_other_packages_versions_and_addresses_are_foreign() -> None:
    installed = "numpy==2.0\nnumpy @ https://evil.example/numpy.whl\nevil==1\n\n"
    assert foreign_packages(installed, pins_of([LOCK])) == (
        *("numpy==2.0", "numpy @ https://evil.example/numpy.whl", "evil==1", ""),
    )


def test_the_first_five_are_named() -> None:
    assert named(("a", "b")) == "a, b"
    assert named(tuple("abcdefg")) == "a, b, c, d, e and 2 more"
