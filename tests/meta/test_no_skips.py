"""In CI a skip is a failure: the hook of the top-level conftest.py, tried on a small suite of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_tree import ROOT

SKIPS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='no root here')\ndef test_it(): pass\n",
    "condition": "import pytest\n@pytest.mark.skipif(True, reason='no root here')\ndef test_it(): pass\n",
    "call": "import pytest\ndef test_it(): pytest.skip('no root here')\n",
    "fixture": ("import pytest\n@pytest.fixture\ndef net(): pytest.skip('no root here')\ndef test_it(net): pass\n"),
    "module": "import pytest\npytest.skip('no root here', allow_module_level=True)\n",
    "import": "import pytest\npytest.importorskip('no_such_module', reason='no root here')\n",
}
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert False\n"


def run_suite(folder: Path, text: str, *, ci: str | None) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "conftest.py", folder)
    (folder / "test_sample.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    if ci is not None:
        environment["CI"] = ci
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "."]
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", sorted(SKIPS))
def test_a_skip_fails_in_ci_and_says_why(kind: str, tmp_path: Path) -> None:
    result = run_suite(tmp_path, SKIPS[kind], ci="true")
    assert result.returncode in (1, 2), result.stdout
    assert "which CI does not allow" in result.stdout
    assert "no root here" in result.stdout


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    result = run_suite(tmp_path, SKIPS["call"], ci=None)
    assert result.returncode == 0, result.stdout
    assert "1 skipped" in result.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    result = run_suite(tmp_path, EXPECTED_FAILURE, ci="true")
    assert result.returncode == 0, result.stdout
    assert "1 xfailed" in result.stdout
