"""Measuring side by side: contenders take turns, so that a busy moment of the machine meets all of them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

Figure = Callable[[], float]
"""Does the thing once and returns what it cost, in seconds (or another unit, one for all contenders)."""


@dataclass(frozen=True)
class Samples:
    """What one contender cost, round by round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third: half of all rounds lie between."""
        if len(self.values) < 2:
            return self.values[0], self.values[0]
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third

    def over(self, base: Samples) -> Samples:
        """Ratios, round by round: what is compared was measured within moments."""
        return Samples(tuple(mine / theirs for mine, theirs in zip(self.values, base.values)))


def take_turns(contenders: Mapping[str, Figure], *, rounds: int, warm: bool = True) -> dict[str, Samples]:
    """Each contender once per round, another one first each time; before that once each for the caches."""
    names = list(contenders)
    if warm:
        for name in names:
            contenders[name]()
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(contenders[name]())
    return {name: Samples(tuple(values)) for name, values in found.items()}


def seconds_of(action: Callable[[], object]) -> float:
    """Wall time of ``action``."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def peak_of(*argv: str) -> int:
    """The most memory in KiB that ``argv`` had. By a small process in between: what starts another passes its own peak
    on to it (getrusage(2), RUSAGE_CHILDREN)."""
    done = subprocess.run([sys.executable, "-c", _PEAK, *argv], capture_output=True, text=True, check=True)
    return int(done.stdout)


def command(*argv: str, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Figure:
    """The wall time of a process, from its start in ``folder`` to its end. Raises where it fails: no figure of a
    failure."""
    given = {**os.environ, **(environment or {})}

    def run() -> float:
        start = time.perf_counter()
        done = subprocess.run(argv, env=given, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        took = time.perf_counter() - start
        if done.returncode != 0:
            raise RuntimeError(f"{argv}: exit code {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
        return took

    return run


def in_order(actions: Sequence[Figure]) -> Figure:
    """Several, one after the other, as one."""
    return lambda: sum(action() for action in actions)
