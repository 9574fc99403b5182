"""The version stands in one place: asymgen/__init__.py."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import asymgen
from tests.source_tree import ROOT

HISTORY = {Path("CHANGELOG.md"), Path("asymgen/__init__.py")}


def test_setup_reads_it_from_the_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert setup["metadata"]["version"] == "attr: asymgen.__version__"


def test_it_stands_nowhere_else() -> None:
    own = re.compile(rf"(?<![\d.]){re.escape(asymgen.__version__)}(?![\d.]*\d)")
    candidates = [*ROOT.glob("*"), *ROOT.glob("asymgen/**/*"), *ROOT.glob("templates/**/*"), *ROOT.glob("man/*")]
    found = {
        path.relative_to(ROOT)
        for path in candidates
        if path.is_file() and path.suffix not in (".pyc", ".pyo") and own.search(path.read_text(encoding="utf-8"))
    }
    assert found == HISTORY


def test_changelog_has_a_heading_for_it() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(asymgen.__version__)}\] - (unreleased|\d{{4}}-\d\d-\d\d)$", text, re.MULTILINE)
