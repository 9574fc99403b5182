"""``asymgen detect`` on hosts with many interfaces, addresses and routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.detect import floor, ip_calls
from bench.measure import command, peak_of, take_turns
from bench.networks import entered, many
from bench.programs import Asymgen
from bench.report import Row, Table, against

NETIFACES = "import netifaces; [netifaces.ifaddresses(name) for name in netifaces.interfaces()]; netifaces.gateways()"
PYROUTE2 = (
    "from pyroute2 import IPRoute\nwith IPRoute() as ip:\n"
    "    for dump in (ip.get_links, ip.get_addr, ip.get_routes, ip.get_rules):\n        list(dump())"
)
SIZES = (
    {"interfaces": 10}, {"interfaces": 100}, {"interfaces": 1000},
    {"addresses": 1000}, {"addresses": 10_000},
    {"routes": 10_000}, {"routes": 100_000},
)  # fmt: skip


WEIGHED: tuple[dict[str, int], ...] = (
    {}, {"interfaces": 1000}, {"addresses": 10_000}, {"routes": 25_000}, {"routes": 100_000}, {"routes": 200_000},
    {"interfaces": 1000, "addresses": 10_000, "routes": 100_000},
)  # fmt: skip

NOTHING_MORE = "two uplinks"
FLAT = 1.2
"""What is still called flat."""

READERS = {"netifaces": NETIFACES, "pyroute2": PYROUTE2}


def tables(asymgen: Asymgen, readers: Mapping[str, str] = READERS, *, quick: bool) -> Iterator[Table]:
    rows: list[Row] = []
    for size in ({"interfaces": 4}, {"addresses": 4}, {"routes": 4}) if quick else SIZES:
        with many(**size) as made, entered(made):
            found = take_turns(
                {
                    "ip -j": ip_calls(),
                    "floor": floor(asymgen),
                    "asymgen detect": command(asymgen.program, "detect", "--format", "json"),
                    **{name: command(asymgen.python, "-c", program) for name, program in readers.items()},
                },
                rounds=1 if quick else 5,
            )
        ((kind, number),) = size.items()
        rows += against(found, "ip -j", prefix=f"{number:,} {kind}, ", at_most={"asymgen detect": 3})
    yield Table(
        "detect: many interfaces, addresses, routes",
        "`ip -j` are the same questions to `ip -j -d`, its output thrown away. netifaces sees interfaces, addresses "
        "and default gateways only; pyroute2 reads links, addresses, routes and rules by netlink in Python.",
        "linear, and at most 3 times `ip -j` itself",
        tuple(rows),
    )
    yield _memory(asymgen, quick=quick)


def _memory(asymgen: Asymgen, *, quick: bool) -> Table:
    commands = {"detect": ["detect", "--format", "json"], "snapshot": ["snapshot"]}
    peaks: list[tuple[str, dict[str, int]]] = []
    for size in WEIGHED[:1] if quick else WEIGHED:
        with many(**size) as made, entered(made):
            found = {name: peak_of(asymgen.program, *words) for name, words in commands.items()}
        peaks.append((", ".join(f"{number:,} {kind}" for kind, number in size.items()) or NOTHING_MORE, found))
    least = peaks[0][1]
    rows = (
        Row(f"{what}, {name}", f"{found[name] / 1024:.1f} MiB", "", f"**{found[name] / least[name]:.2f}**",
            found[name] <= FLAT * least[name] if what != NOTHING_MORE else None)
        for what, found in peaks
        for name in commands
    )  # fmt: skip
    return Table(
        "Memory: many interfaces, addresses, routes",
        "The most memory (resident) that the command had, against the same with two uplinks and nothing else.",
        f"flat: at most {FLAT} times",
        tuple(rows),
    )
