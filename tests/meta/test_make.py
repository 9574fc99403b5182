"""One door: "make" lists every target, and CI goes through it."""

from __future__ import annotations

import re
import subprocess

from tests.source_tree import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def make(*arguments: str) -> str:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_help_is_the_default_and_lists_every_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"^  make (\S+)", make(), re.MULTILINE)) == targets
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == targets


def test_ci_lints_and_tests() -> None:
    recipe = make("-n", "ci")
    for step in ("ruff check .", "ruff format --check .", "mypy", "shellcheck ", "pytest -n 4"):
        assert step in recipe


def test_shellcheck_sees_every_shell_file() -> None:
    line = re.search(r"^shellcheck --exclude=SC2317 (.*)$", make("-n", "lint"), re.MULTILINE)
    assert line is not None
    checked = set(line[1].split())
    folders = (ROOT / ".ci", ROOT / "tests")
    scripts = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "run", *(path for folder in folders for path in folder.rglob("*")))
        if path.is_file() and path.suffix not in (".py", ".pyc") and path.read_bytes().startswith(b"#!/bin/sh")
    }
    golden = {name for name in scripts if name.startswith("tests/golden/")}
    assert checked == scripts - golden


def test_ci_script_ends_in_make_ci() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/bin/sh"
    assert lines[-1] == "exec make ci"
