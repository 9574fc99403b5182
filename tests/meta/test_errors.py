"""One error class per exit code, and every code is documented where a person looks."""

from __future__ import annotations

import re

from asymgen import errors
from asymgen.errors import AsymgenError
from tests.source_tree import ROOT

CODES = {0, 1, 2, 3, 4, 5, 6, 70}


def classes() -> list[type[AsymgenError]]:
    return [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, AsymgenError)]


def documented(name: str, pattern: str) -> set[int]:
    return {int(code) for code in re.findall(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)}


def test_exit_codes_are_unique() -> None:
    codes = [error.exit_code for error in classes()]
    assert sorted(codes) == sorted(set(codes))


def test_exit_codes_are_the_contract() -> None:
    assert {error.exit_code for error in classes()} | {0} == CODES


def test_no_error_takes_success_for_itself() -> None:
    assert all(0 < error.exit_code < 126 for error in classes())  # 126 and up belong to the shell


def test_readme_lists_them() -> None:
    assert documented("README.md", r"^\| (\d+) \| ") == CODES


def test_manual_page_lists_them() -> None:
    text = (ROOT / "man" / "asymgen.8").read_text(encoding="utf-8")
    section = text.partition('.SH "EXIT STATUS"')[2].partition("\n.SH ")[0]
    assert {int(code) for code in re.findall(r"^\.B (\d+)$", section, re.MULTILINE)} == CODES
