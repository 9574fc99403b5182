"""``python -m bench [-o FILE] [NAME…]``: measure, and write the page. ``--quick`` shows that all of it works."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

from bench import detect, interface_up, package, planning, programs, rules, sizes
from bench.networks import is_root
from bench.report import Table, page

REMARKS = Path(__file__).with_name("remarks.md")


def main() -> None:
    asked = _arguments()
    if not is_root():
        sys.exit("bench: needs root: it makes network namespaces")
    load = os.getloadavg()
    asymgen = programs.install_asymgen()
    os.sync()  # what pip wrote is written before anything is measured
    parts: dict[str, Callable[[], Iterator[Table]]] = {
        "detect": lambda: detect.tables(asymgen, programs.unpack_peers(), quick=asked.quick),
        "sizes": lambda: sizes.tables(asymgen, quick=asked.quick),
        "interface_up": lambda: interface_up.tables(quick=asked.quick),
        "rules": lambda: rules.tables(quick=asked.quick),
        "planning": lambda: planning.tables(quick=asked.quick),
        "package": lambda: package.tables(asymgen, quick=asked.quick),
    }
    tables = []
    for name in asked.names or parts:
        print(f"bench: {name}", file=sys.stderr)
        tables += list(parts[name]())
    text = page(tables, machine=_machine(load), remarks=REMARKS.read_text(encoding="utf-8"))
    if asked.output is None:
        print(text)
    else:
        asked.output.write_text(text, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, help="write the page here instead of standard output")
    parser.add_argument("--quick", action="store_true", help="one tiny round of each: shows that all of it works")
    parser.add_argument("names", nargs="*", help="only these: detect, sizes, interface_up, rules, planning, package")
    return parser.parse_args()


def _machine(load: tuple[float, float, float]) -> Iterator[str]:
    """What the figures were measured on."""
    yield f"{datetime.now(timezone.utc):%Y-%m-%d}, {_processor()}, {os.cpu_count()} cores, Linux {platform.release()}"
    yield f"load of the machine before the run (1, 5, 15 minutes): {', '.join(f'{one:.2f}' for one in load)}"
    yield f"Python {platform.python_version()}, {_first_line('ip', '-V')}, {', '.join(programs.peer_versions())}"
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=programs.ROOT, capture_output=True, text=True, check=False
    )
    yield f"asymgen at commit {commit.stdout.strip() or 'unknown'}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def _first_line(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()[0]


if __name__ == "__main__":
    main()
