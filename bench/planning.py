"""Planning and rendering alone: many hosts on one core, and how the memory does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.report import Row, Table

# In a process of its own: what it holds is its alone. Snapshots are parsed anew for each host.
PROGRAM = """
import json, resource, sys, time
from asymgen.detection import detect
from asymgen.model import Choices, Kept
from asymgen.parse import load_snapshot, parse_host

text, count = open(sys.argv[1]).read(), int(sys.argv[2])
start = time.perf_counter()
peaks = []
for number in range(count):
    host = parse_host(load_snapshot(text.replace("two-subnets", f"host{number}"), "bench"), origin="bench")
    assert detect(host, Choices(), Kept()).files
    if number in (count // 10, count - 1):
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(json.dumps({"seconds": time.perf_counter() - start, "peaks": peaks}))
"""
SNAPSHOT = Path(__file__).resolve().parents[1] / "tests" / "cases" / "two-subnets" / "snapshot.json"


def measure(count: int) -> tuple[float, list[int]]:
    """Seconds for ``count`` hosts, and the peak memory in KiB after a tenth of them and after all."""
    argv = [sys.executable, "-c", PROGRAM, str(SNAPSHOT), str(count)]
    done = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    return done["seconds"], done["peaks"]


def tables(*, quick: bool) -> Iterator[Table]:
    count = 20 if quick else 10_000
    seconds, (early, late) = measure(count)
    rows = (
        Row(f"{count:,} hosts", f"{seconds:.1f} s", f"{60 * count / seconds:,.0f} hosts/min",
            f"**{60 * count / seconds / 10_000:.2f}** of the aim", 60 * count / seconds >= 10_000),
        Row("peak memory after a tenth, after all", f"{early / 1024:.1f} MiB, {late / 1024:.1f} MiB", "",
            f"**{late / early:.3f}**", late <= 1.05 * early),
    )  # fmt: skip
    yield Table(
        "Planning and rendering alone",
        "A host with two uplinks, parsed, planned, diagnosed and rendered anew each time, in one process on one core.",
        "10,000 hosts per minute, memory flat",
        rows,
    )
