"""What rules cost a packet: the kernel walks them in order, for each packet without a cached route.

Three ways to say the same for N addresses of one uplink: by prefix (asymgen), one rule for each address (ec2-net-utils,
cloud-init), three for each (the shape of nm-cloud-setup: own subnet, main without defaults, own table).
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from asymgen.backends.shell import capabilities
from asymgen.commands_text import ip_commands
from asymgen.lowering import lower
from asymgen.model import Choices
from asymgen.parse import parse_host
from asymgen.planner import plan as make_plan
from asymgen.system.commands import Runner
from asymgen.system.probe import take_snapshot
from bench.measure import Figure, Samples, take_turns
from bench.networks import entered
from bench.report import Row, Table, ratio_words
from tests.namespaces import Namespace, namespace

NETLINK_ROUTE, RTM_GETROUTE, NLM_F_REQUEST, NLMSG_ERROR = 0, 26, 1, 2
RTA_DST, RTA_SRC = 1, 2
OURS = "by prefix"
THE_KERNELS_OWN = ("local", "main", "default")
FAR_AWAY = "203.0.113.9"


def addresses(number: int) -> list[str]:
    """The uplink's addresses, all in 198.18.0.0/15."""
    start = int(ipaddress.ip_address("198.18.0.10"))
    return [str(ipaddress.ip_address(start + at)) for at in range(number)]


@contextmanager
def host(number: int) -> Iterator[tuple[Namespace, Namespace]]:
    """A host with ``number`` addresses on its second uplink, and the router behind that."""
    with namespace("agbench") as made, namespace("agbench") as far:
        made.batch(
            f"link add eth0 up type veth peer name far0\nlink set far0 up\n"
            f"link add eth1 up type veth peer name eth1 netns {far.name}\n"
            "addr add 192.0.2.10/24 dev eth0\nroute add default via 192.0.2.1 dev eth0\n"
            + "".join(f"addr add {address}/15 dev eth1\n" for address in addresses(number))
            + "route add default via 198.19.255.254 dev eth1 metric 200\n"
        )
        far.batch("link set eth1 up\naddr add 198.19.255.254/15 dev eth1\nroute add local 203.0.113.0/24 dev lo\n")
        yield made, far


def by_prefix(made: Namespace) -> None:
    """As asymgen writes it."""
    seen = parse_host(take_snapshot(Runner()), origin="this host")
    state = lower(make_plan(seen, Choices()), capabilities(seen))
    made.batch("".join(f"{line.removeprefix('ip ')}\n" for line in _batched(ip_commands(state))))


def _batched(commands: Sequence[str]) -> Iterator[str]:
    """Commands for ip(8) without a family's option, which a batch has none of: IPv4 is what rules are without."""
    return (line.replace("ip -4 ", "ip ", 1) for line in commands if line.startswith("ip ") and " -6 " not in line)


def per_address(made: Namespace, number: int, *, each: int) -> None:
    """One rule for each address, or three."""
    lines = ["route add default via 198.19.255.254 dev eth1 table 2", "route add 198.18.0.0/15 dev eth1 table 2"]
    for at, address in enumerate(addresses(number)):
        if each == 3:
            lines.append(f"rule add pref {20000 + at} from {address} to 198.18.0.0/15 lookup 2")
            lines.append(f"rule add pref {22000 + at} from {address} lookup main suppress_prefixlength 0")
        lines.append(f"rule add pref {24000 + at} from {address} lookup 2")
    made.batch("".join(f"{line}\n" for line in lines))


def lookups(source: str, *, count: int) -> Figure:
    """Seconds for ``count`` route lookups, through one netlink socket."""
    query = _query(FAR_AWAY, source)

    def run() -> float:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as kernel:
            kernel.bind((0, 0))
            start = time.perf_counter()
            for _ in range(count):
                kernel.send(query)
                answer = kernel.recv(4096)
            took = time.perf_counter() - start
        if struct.unpack_from("=H", answer, 4)[0] == NLMSG_ERROR:
            raise RuntimeError(f"no route from {source}")
        return took

    return run


def _query(destination: str, source: str) -> bytes:
    """RTM_GETROUTE, as ``ip route get`` sends it: rtnetlink(7)."""
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, 32, 32, 0, 0, 0, 0, 0, 0)
    for kind, address in ((RTA_DST, destination), (RTA_SRC, source)):
        body += struct.pack("=HH", 8, kind) + socket.inet_aton(address)
    return struct.pack("=IHHII", 16 + len(body), RTM_GETROUTE, NLM_F_REQUEST, 1, 0) + body


def packets(source: str, far: Namespace, *, count: int) -> Figure:
    """Seconds for ``count`` UDP packets from an unconnected socket, as a DNS server sends its answers; all of them
    are counted on the other side."""

    def run() -> float:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((source, 0))
            before = _received(far)
            start = time.perf_counter()
            for _ in range(count):
                sender.sendto(b"answer", (FAR_AWAY, 9))
            took = time.perf_counter() - start
        if _received(far) - before < count:
            raise RuntimeError("packets were lost on a veth pair, or took another way")
        return took

    return run


def _received(far: Namespace) -> int:
    (link,) = far.json("-s", "link", "show", "dev", "eth1")
    return int(link["stats64"]["rx"]["packets"])


def tables(*, quick: bool) -> Iterator[Table]:
    rows: list[Row] = []
    for number in (2,) if quick else (2, 100, 1000):
        rows += _rows(number, count=200 if quick else 20_000, rounds=1 if quick else 7)
    yield Table(
        "Rules that the kernel walks for a packet",
        "For 2, 100 and 1,000 addresses on one uplink, asked from the last of them. Lookups are what `ip route get` "
        "asks, through one netlink socket; packets are UDP from an unconnected socket into another namespace, all of "
        "them counted there. Python's own part of each is in all figures alike. Ratios are of the time of each: above "
        "1 the others take longer than by prefix. Rates for different numbers of addresses are not measured side by "
        "side.",
        "fewest rules walked: by prefix, whatever the number of addresses; so no other way has fewer, or is faster",
        tuple(rows),
    )


def _rows(number: int, *, count: int, rounds: int) -> Iterator[Row]:
    ways: dict[str, Callable[[Namespace], None]] = {
        OURS: by_prefix,
        "a rule for each": lambda made: per_address(made, number, each=1),
        "three for each": lambda made: per_address(made, number, each=3),
    }
    held, asked, sent = {}, {}, {}
    with _hosts(number, len(ways)) as hosts:
        for (name, load), (made, far) in zip(ways.items(), hosts):
            with entered(made):
                load(made)
            source = addresses(number)[-1]
            answer = made.route_get(4, FAR_AWAY, source)
            if answer is None or answer["dev"] != "eth1":
                raise RuntimeError(f"{name}: answers from {source} do not leave by eth1: {answer}")
            held[name] = len(made.json("-4", "rule", "show")) - len(THE_KERNELS_OWN)
            asked[name] = _inside(made, lookups(source, count=count))
            sent[name] = _inside(made, packets(source, far, count=count))
        yield from (_count(name, held, f"{number:,} addresses, rules") for name in held)
        for what, contenders in (("lookup", asked), ("packet", sent)):
            found = take_turns(contenders, rounds=rounds)
            yield from (_rate(name, found, f"{number:,} addresses, {what}", count=count) for name in found)


def _count(name: str, held: Mapping[str, int], what: str) -> Row:
    """How many rules there are, beside those of the kernel itself."""
    fewest = None if name == OURS else held[name] >= held[OURS]
    ratio = "1" if name == OURS else f"**{held[name] / held[OURS]:.3g}**"
    return Row(f"{what}, {name}", f"{held[name]:,}", "", ratio, fewest)


def _rate(name: str, found: Mapping[str, Samples], what: str, *, count: int) -> Row:
    """How many of them in a second; the ratio is that of their times."""
    first, third = found[name].quartiles
    ratios = found[name].over(found[OURS])
    things = what.rpartition(" ")[2]
    spread = f"{count / third:,.0f} to {count / first:,.0f}"
    row = Row(f"{what}, {name}", f"{count / found[name].median:,.0f} {things}s/s", spread, "1")
    return row if name == OURS else replace(row, ratio=ratio_words(ratios), met=ratios.median >= 1)


@contextmanager
def _hosts(number: int, copies: int) -> Iterator[list[tuple[Namespace, Namespace]]]:
    """The same host several times, so that contenders can take turns."""
    if copies == 0:
        yield []
        return
    with host(number) as first, _hosts(number, copies - 1) as others:
        yield [first, *others]


def _inside(made: Namespace, figure: Figure) -> Figure:
    def run() -> float:
        with entered(made):
            return figure()

    return run
