"""The cases of ``tests/cases`` as values: snapshot and hand-written expectation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asymgen.choices import parse_choices
from asymgen.model import Choices

DIRECTORY = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    """One directory of ``tests/cases``."""

    name: str
    snapshot: dict[str, Any]
    expect: dict[str, Any]

    def __str__(self) -> str:
        return self.name


def _read(directory: Path) -> Case:
    texts = [(directory / f"{part}.json").read_text(encoding="utf-8") for part in ("snapshot", "expect")]
    snapshot, expect = map(json.loads, texts)
    return Case(directory.name, snapshot, expect)


def choices_of(case: Case) -> Choices:
    """``expect.json``'s choices, by the command line's names: ``{"gateway": ["eth1=ADDR"]}``."""
    return parse_choices(case.expect["choices"])


CASES = [_read(path.parent) for path in sorted(DIRECTORY.glob("*/expect.json"))]
