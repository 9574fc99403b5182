"""CONTRIBUTING's toy: one module, one line in the dict, one folder of templates, and it works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.case_files import CASES, DIRECTORY
from tests.command_line import TREE
from tests.host_loader import loaded_host
from tests.netns.test_backends_on_cases import everything
from tests.netns.test_cases import wrong_answers

pytestmark = pytest.mark.netns

BLOCK = re.compile(r"<!-- toy: (\S+) -->\n```\w+\n(.*?)```\n", re.DOTALL)
[CASE] = [case for case in CASES if case.name == "two-subnets"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources with what the page says, and nothing else."""
    blocks = dict(BLOCK.findall((TREE / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert set(blocks) == {"asymgen/backends/local_d.py", "templates/local_d/start.sh.j2", "BACKENDS"}
    shutil.copytree(TREE / "asymgen", tmp_path / "asymgen", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TREE / "templates", tmp_path / "asymgen/templates")  # as in a wheel
    line = blocks.pop("BACKENDS")
    for path, text in blocks.items():
        place = tmp_path / re.sub("^templates/", "asymgen/templates/", path)
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")
    table = tmp_path / "asymgen/backends/__init__.py"
    before = table.read_text(encoding="utf-8")
    after = re.sub(r"(BACKENDS: .*= \{\n)", rf"\g<1>{line}", before)
    after = after.replace("from asymgen.backends import ", "from asymgen.backends import local_d, ", 1)
    assert after.count("\n") == before.count("\n") + 1
    table.write_text(after, encoding="utf-8")
    return tmp_path


def test_toy_of_contributing(tree: Path) -> None:
    snapshot, root = DIRECTORY / CASE.name / "snapshot.json", tree / "root"
    root.mkdir()
    argv = (sys.executable, "-m", "asymgen", "detect", "--snapshot", snapshot, "--backend", "local-d", "--write",
            "--root", root)  # fmt: skip
    done = subprocess.run(
        list(map(str, argv)), cwd=tree, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tree)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    script = root / "etc/local.d/asymgen.start"
    assert script.stat().st_mode & 0o777 == 0o755
    with loaded_host(CASE.snapshot) as host:
        before = everything(host)
        lock = f"ASYMGEN_LOCK={tree}/lock"
        host.run("env", lock, str(script))
        assert wrong_answers(host, CASE.expect["asks"]) == []
        host.run("env", lock, str(script), "stop")
        assert everything(host) == before
