"""What a run of the lab saw: a line of JSON per machine and event, and the table that people read.

``make lab`` sets ASYMGEN_LAB_RESULTS to a file, and writes docs/proof.md by ``python -m tests.lab.journal FILE``.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """``seconds`` until all addresses answered again; ``outcome`` is kept, or lost where nothing tells the backend
    of the event (then it is right again after a restart of its service)."""

    system: str
    backend: str
    addressing: str
    event: str
    outcome: str
    seconds: float


def note(entry: Entry) -> None:
    """Add a line to the results, where a run wants them. Several workers may: one short write each."""
    place = os.environ.get("ASYMGEN_LAB_RESULTS", "")
    if place:
        with Path(place).open("a", encoding="utf-8") as results:
            results.write(json.dumps(asdict(entry)) + "\n")


def report(entries: Iterable[Entry]) -> str:
    """docs/proof.md: an event per line, a machine per column group."""
    entries = list(entries)
    events = list(dict.fromkeys(entry.event for entry in entries))
    machines = sorted({(entry.system, entry.backend, entry.addressing) for entry in entries})
    found = {(entry.system, entry.backend, entry.addressing, entry.event): entry for entry in entries}
    today = date.today().isoformat()  # noqa: DTZ011 - the day for people, where the lab stands
    lines = [_HEAD.format(date=today, versions=_versions()), ""]
    lines.append("| system | backend | addresses | " + " | ".join(events) + " |")
    lines.append("|---" * (3 + len(events)) + "|")
    for machine in machines:
        cells = [_cell(found.get((*machine, event))) for event in events]
        lines.append("| " + " | ".join([*machine, *cells]) + " |")
    return "\n".join(lines) + "\n"


def _cell(entry: Entry | None) -> str:
    if entry is None:
        return ""
    return f"{entry.seconds:.1f} s" if entry.outcome == "kept" else f"**{entry.outcome}**"


def _versions() -> str:
    nspawn = subprocess.run(["systemd-nspawn", "--version"], capture_output=True, text=True, check=True).stdout
    return f"Linux {platform.release()}, {' '.join(nspawn.split()[:2])} (systemd-nspawn), {os.cpu_count()} cores"


_HEAD = """\
# Proof: real systems, real events

Written by `make lab` on {date}; {versions}. Do not edit.

Each line is a Debian system booted by its own init with its own network manager, between two providers that drop
packets with a foreign source (BCP 38). After each event every address of the machine is asked by ping, TCP and UDP
from a client behind both providers; containers reach the machine's addresses and back; what the machine sends without
a source leaves as before; no packet reached the wrong provider; no rule is there twice. A figure is the time from the
event's end until all addresses answered a ping again (an address by DHCP, or IPv6's duplicate detection, takes its own
second or two). **lost** means that nothing tells this backend of the event; `service asymgen restart` puts it right,
and the proof was asked after that. An empty cell: the system has no such event. RPM distributions cannot be booted by
this lab: their scripts are the same text, run on these systems."""


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    print(report(Entry(**json.loads(line)) for line in lines), end="")
