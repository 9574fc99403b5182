"""A router with thousands of routes on a real kernel: read whole, answered right, in memory that does not grow."""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from asymgen.folded_routes import FEWEST, FoldedObjects, unfolded
from asymgen.json_stream import read_snapshot
from asymgen.lookup import Kind, Packet, before
from asymgen.model import TABLE_LOCAL, Family, Host
from asymgen.parse import parse_host
from asymgen.snapshot_script import snapshot_script
from tests.namespaces import Namespace, namespace

pytestmark = pytest.mark.netns

NAMES = ("eth0", "eth1", "lan0", "far0", "far1", "far2")
# Without link-local addresses, whose routes would appear while the tests already look.
LINKS = (
    "".join(f"link add {name} type veth peer name {far}\n" for name, far in zip(NAMES[:3], NAMES[3:]))
    + "".join(f"link set {name} addrgenmode none\nlink set {name} up\n" for name in NAMES)
    + """\
addr add 192.0.2.10/24 dev eth0
addr add 198.51.100.10/24 dev eth1
addr add 10.0.0.10/24 dev lan0
addr add 2001:db8:1::10/64 dev eth0 nodad
addr add 2001:db8:2::10/64 dev eth1 nodad
route add default via 192.0.2.1 dev eth0
route add default via 198.51.100.1 dev eth1 metric 200
"""
)
WAYS = ("via 192.0.2.1 dev eth0", "via 192.0.2.2 dev eth0", "via 198.51.100.1 dev eth1", "via 10.0.0.1 dev lan0")
WAYS6 = ("via 2001:db8:1::1 dev eth0", "via 2001:db8:2::1 dev eth1", "via fe80::1 dev eth1")
COUNT = 8 * FEWEST
PEAK = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "asymgen", *sys.argv[1:]], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def networks4(count: int) -> Iterator[str]:
    """Of several lengths, some inside others, one of them around the first uplink's own subnet."""
    for number in range(count):
        yield f"{1 + number // 60000}.{number // 240 % 250}.{number % 240}.0/24"
    yield from ("1.0.0.0/8", "1.0.0.0/20", "1.0.16.0/20", "1.0.0.128/25", "1.0.0.129", "192.0.0.0/16", "192.0.2.64/26")


def networks6(count: int) -> Iterator[str]:
    yield from (f"2001:db8:{0x100 + number:x}::/48" for number in range(count))
    yield from ("2001:db8::/33", "2001:db8:100:5::/64", "2001:db8:101::1", "2001:db8:1:0:8000::/65")


def router(net: Namespace, count: int) -> None:
    net.batch(LINKS)
    lines = [f"route add {network} {WAYS[at % 4]} proto bird" for at, network in enumerate(networks4(count))]
    lines += [f"route add {network} {WAYS6[at % 3]} proto bird" for at, network in enumerate(networks6(count))]
    # The same network by a second way, behind the first and before it; devices, errors and other tables in between.
    lines += [f"route add 1.0.{number}.0/24 {WAYS[(number + 1) % 4]} metric 50" for number in range(0, 60, 7)]
    lines += [
        "route add 1.0.3.0/24 dev lan0 metric 40",
        "route append 1.0.4.0/24 dev lan0",
        "route add 1.1.1.0/24 tos 8 dev lan0",
    ]
    lines += ["route add unreachable 1.0.9.0/24 metric 9", "route add 1.0.5.0/24 via 10.0.0.1 table 77"]
    lines += ["route add unreachable 2001:db8:105::/48 metric 3000", "route add 2001:db8:106::/48 dev lan0 metric 5"]
    net.batch("".join(f"{line}\n" for line in lines))


@pytest.fixture(scope="module")
def net() -> Iterator[Namespace]:
    with namespace("agroutes") as made:
        router(made, COUNT)
        yield made


@pytest.fixture(scope="module")
def text(net: Namespace) -> str:
    return net.run(sys.executable, "-m", "asymgen", "snapshot").stdout


@pytest.fixture(scope="module")
def host(text: str) -> Host:
    return parse_host(read_snapshot([text]))


def in_order(objects: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in objects)


@pytest.mark.parametrize("version", [4, 6])
def test_every_route_is_there_as_ip_prints_it(net: Namespace, text: str, version: int) -> None:
    printed = json.loads(net.run("ip", "-j", "-d", f"-{version}", "route", "show", "table", "all").stdout)
    found = read_snapshot([text])
    assert isinstance(found[f"routes{version}"], FoldedObjects)
    assert len(printed) > COUNT
    assert in_order(unfolded(found)[f"routes{version}"]) == in_order(printed)


def test_nearly_all_are_in_bulk(host: Host) -> None:
    assert sum(len(bulk.networks) for bulk in host.bulk) > 2 * COUNT - 10 * FEWEST
    assert len(host.bulk) == len(WAYS) + len(WAYS6)


def test_the_script_brings_the_same(net: Namespace, text: str) -> None:
    brought = read_snapshot([net.run("sh", "-c", snapshot_script()).stdout])
    assert brought["routes4"].runs
    for key in ("routes4", "routes6"):
        assert in_order(unfolded(brought)[key]) == in_order(unfolded(read_snapshot([text]))[key])


def destinations() -> Iterator[str]:
    for number in (0, 1, 2, 3, 4, 5, 7, 9, 14, 16, 17, 239, 240, COUNT - 1, COUNT):
        yield f"1.{number // 240 % 250}.{number % 240}.7"
        yield f"2001:db8:{0x100 + number:x}::7"
    yield from ("1.0.0.129", "1.0.0.130", "1.1.1.7", "1.250.0.7", "192.0.2.70", "192.0.7.7", "2.0.0.7", "45.45.45.45")
    yield from ("2001:db8:100:5::9", "2001:db8:101::1", "2001:db8:1:0:8000::9", "2001:db8:7fff::1", "2001:db8:1::9")


@pytest.mark.parametrize("destination", tuple(destinations()))
def test_model_and_kernel_agree(net: Namespace, host: Host, destination: str) -> None:
    family = Family.IPV6 if ":" in destination else Family.IPV4
    done = net.run("ip", "-j", f"-{family}", "route", "get", destination, check=False)
    answer = before(host).lookup(Packet(family, ipaddress.ip_address(destination)))
    if done.returncode != 0:
        assert answer.ways == ()
        return
    told = json.loads(done.stdout)[0]
    assert [(way.interface, None if way.gateway is None else str(way.gateway)) for way in answer.ways] == [
        (told["dev"], told.get("gateway"))
    ]


def test_the_kernel_s_routes_to_own_addresses_are_answered_as_the_kernel_does() -> None:
    """Hundreds of addresses on one link, among them one that another link has as well."""
    own = [f"10.0.{number // 200}.{number % 200 + 20}" for number in range(2 * FEWEST)]
    with namespace("agown") as made:
        made.batch(LINKS + "".join(f"addr add {address}/16 dev lan0\n" for address in own))
        made.batch(f"addr add {own[-3]}/32 dev eth0\n")
        text = made.run(sys.executable, "-m", "asymgen", "snapshot").stdout
        printed = made.json("-d", "-4", "route", "show", "table", "all")
        asked = [
            (source, made.route_get(4, "45.45.45.45", source)) for source in (own[0], own[-3], own[-1], "10.0.9.9")
        ]
        types = [(address, made.route_get(4, address)) for address in (own[0], own[-3], own[-1], "10.0.9.9")]
    found = read_snapshot([text])
    assert in_order(unfolded(found)["routes4"]) == in_order(printed)
    host = parse_host(found)
    assert [bulk.sample.table for bulk in host.bulk] == [TABLE_LOCAL]
    today = before(host)
    for source, told in asked:
        answer = today.lookup(
            Packet(Family.IPV4, ipaddress.ip_address("45.45.45.45"), source=ipaddress.ip_address(source))
        )
        assert [way.interface for way in answer.ways] == ([] if told is None else [told["dev"]])
    for address, told in types:
        assert told is not None
        kind = today.lookup(Packet(Family.IPV4, ipaddress.ip_address(address))).kind
        assert kind is Kind(told.get("type", "unicast"))


def peak(net: Namespace, *command: str) -> int:
    """The most memory that asymgen had, in bytes (getrusage(2)); the process that starts it has less."""
    return int(net.run(sys.executable, "-c", PEAK, *command).stdout) * 1024


@pytest.mark.parametrize("command", ["detect", "verify", "snapshot", "explain 45.45.45.45"])
def test_memory_does_not_grow_with_the_routes(net: Namespace, command: str) -> None:
    """Eight bytes for each prefix, and what the allocator rounds up; as objects they took 1,500."""
    with namespace("agmore") as more:
        router(more, 10 * COUNT)
        grown = peak(more, *command.split()) - peak(net, *command.split())
    assert grown / (2 * 9 * COUNT) < 80
