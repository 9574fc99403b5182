"""What a run of the lab saw: a line of JSON per machine and event, and the tables that people read.

``make lab`` sets ASYMGEN_LAB_RESULTS to a file, and writes docs/proof.md by ``python -m tests.lab.journal FILE PAGE``.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from tests.lab.proof_page import HEAD, PARTS


@dataclass(frozen=True)
class Entry:
    """``seconds`` until all addresses answered again; ``outcome`` is kept, or lost where nothing tells the backend
    of the event (then it is right again after a restart of its service), or words for the cell. ``part``: which table
    it goes into."""

    system: str
    backend: str
    addressing: str
    event: str
    outcome: str
    seconds: float
    part: str = "events"

    @property
    def machine(self) -> tuple[str, str, str]:
        return self.system, self.backend, self.addressing


def note(entry: Entry) -> None:
    """Add a line to the results, where a run wants them. Several workers may: one short write each."""
    place = os.environ.get("ASYMGEN_LAB_RESULTS", "")
    if place:
        with Path(place).open("a", encoding="utf-8") as results:
            results.write(json.dumps(asdict(entry)) + "\n")


def report(entries: Sequence[Entry], before: str = "") -> str:
    """docs/proof.md: a table per part. Parts that this run had nothing of stay as they are in ``before``."""
    today = date.today().isoformat()  # noqa: DTZ011 - the day for people, where the lab stands
    kept = {part: _section(before, text) for part, text in PARTS.items()}
    head = _section(before, HEAD) if all(entry.part == "vm" for entry in entries) else ""
    lines = [head or HEAD.format(date=today, versions=_versions())]
    for part, text in PARTS.items():
        found = [entry for entry in entries if entry.part == part]
        if found:
            lines += ["", text, "", *_table(found)]
        elif kept[part]:
            lines += ["", kept[part]]
    return "\n".join(lines) + "\n"


def _section(page: str, text: str) -> str:
    """What ``page`` has below the first line of ``text``, up to the next heading."""
    heading = text.splitlines()[0]
    _, found, rest = f"\n{page}".partition(f"\n{heading}\n")
    return (heading + "\n" + rest.split("\n## ")[0]).rstrip() if found else ""


def _table(entries: Sequence[Entry]) -> list[str]:
    """An event per column, a machine per line."""
    found = {(entry.machine, entry.event): entry for entry in entries}  # of one that ran again, the later
    events = _in_order(found.values())
    lines = ["| system | backend | addresses | " + " | ".join(events) + " |", "|---" * (3 + len(events)) + "|"]
    for machine in sorted({entry.machine for entry in entries}):
        cells = [_cell(found.get((machine, event))) for event in events]
        lines += ["| " + " | ".join([*machine, *cells]) + " |"]
    return lines


def _in_order(entries: Iterable[Entry]) -> list[str]:
    """Events as they came; the machines ran side by side, and not each has each."""
    places: dict[str, int] = defaultdict(int)
    seen: dict[tuple[str, str, str], int] = defaultdict(int)
    for entry in entries:
        seen[entry.machine] += 1
        places[entry.event] = max(places[entry.event], seen[entry.machine])
    return sorted(places, key=places.__getitem__)


def _cell(entry: Entry | None) -> str:
    if entry is None:
        return ""
    return {"kept": f"{entry.seconds:.1f} s", "lost": "**lost**"}.get(entry.outcome, entry.outcome)


def _versions() -> str:
    nspawn = subprocess.run(["systemd-nspawn", "--version"], capture_output=True, text=True, check=True).stdout
    return f"Linux {platform.release()}, {' '.join(nspawn.split()[:2])} (systemd-nspawn), {os.cpu_count()} cores"


def write(results: Path, page: Path) -> None:
    entries = [Entry(**json.loads(line)) for line in results.read_text(encoding="utf-8").splitlines()]
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    page.write_text(report(entries, before), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
