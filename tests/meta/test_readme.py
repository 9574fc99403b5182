"""README.md cannot lie: its first command is run and compared, its second is what "make ci" runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.source_tree import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
GOES_ON = "…"


def commands() -> list[list[str]]:
    """The words of every ``./run`` command in a block of its own."""
    return [shlex.split(line) for line in re.findall(r"^```sh\n(\./run [^\n]*)\n```$", README, re.MULTILINE)]


def output_block(name: str) -> str:
    found = re.search(rf"^<!-- output: {name} -->\n```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found is not None, f"README.md has no block <!-- output: {name} -->"
    return found[1]


def run_asymgen(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "asymgen", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def test_there_are_two_commands() -> None:
    assert [words[:2] for words in commands()] == [["./run", "asymgen"], ["./run", "pytest"]]


def test_the_first_command_prints_what_stands_below_it() -> None:
    """A last line of "…" says that the output goes on; up to there both are the same."""
    result = run_asymgen(*commands()[0][2:])
    assert result.returncode == 0, result.stderr
    shown, cut, _ = output_block("detect").partition(f"{GOES_ON}\n")
    assert shown.count("\n") >= 10, "paste the output below the marker"
    assert result.stdout[: len(shown)] == shown
    assert cut or result.stdout == shown


def test_the_second_command_is_what_ci_runs() -> None:
    recipe = subprocess.run(
        ["make", "--no-print-directory", "-n", "ci"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert recipe.splitlines()[-1] == f"CI=true {shlex.join(commands()[1])}"


def test_the_picture_is_what_make_draws(tmp_path: Path) -> None:
    """docs/two-subnets.svg is as fresh as the code; "make diagram" draws it anew."""
    recipe = subprocess.run(
        ["make", "--no-print-directory", "-n", "diagram"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    *words, output = shlex.split(recipe)
    assert words[:3] == ["./run", "asymgen", "diagram"]
    assert f"]({output})" in README
    drawn = tmp_path / "drawn.svg"
    assert run_asymgen(*words[2:], str(drawn)).returncode == 0
    assert drawn.read_bytes() == (ROOT / output).read_bytes()


def test_every_link_leads_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_option_named_exists() -> None:
    helps = "".join(
        run_asymgen(name, "--help").stdout
        for name in ("detect", "commands", "diagram", "snapshot", "package", "remove")
    )
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README.replace(shlex.join(commands()[1]), "pytest's own")))
    assert {option for option in named if option not in helps} == set()


def run_script(*arguments: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    """./run copied to ``folder``, so that it cannot use this checkout's .venv."""
    script = folder / "run"
    script.write_bytes((ROOT / "run").read_bytes())
    script.chmod(0o755)
    for name in ("setup.cfg", "pyproject.toml"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    environment = {"PATH": path, "PYTHON": "no-such-python"}
    return subprocess.run(
        [str(script), *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_run_says_which_package_a_debian_lacks(tmp_path: Path) -> None:
    result = run_script("pytest", folder=tmp_path, path="/usr/bin:/bin")
    assert result.returncode == 1
    assert "python3-venv" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_run_without_a_command_says_how(tmp_path: Path) -> None:
    result = run_script(folder=tmp_path, path="/usr/bin:/bin")
    assert result.returncode == 1
    assert "./run asymgen --help" in result.stderr
