"""``asymgen detect`` on hosts with many interfaces, addresses and routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.detect import floor, ip_calls
from bench.measure import command, take_turns
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
        rows += against(found, "ip -j", prefix=f"{number:,} {kind}, ")
    yield Table(
        "detect: many interfaces, addresses, routes",
        "`ip -j` are the same questions to `ip -j -d`, its output thrown away. netifaces sees interfaces, addresses "
        "and default gateways only; pyroute2 reads links, addresses, routes and rules by netlink in Python.",
        "linear, and at most 3 times `ip -j` itself",
        tuple(rows),
    )
