"""The second reader, for hosts whose ip(8) has no JSON (iproute2 before 4.14, BusyBox) or that have none.

netifaces sees interfaces, addresses and default gateways. What it gets wrong (tried, 0.11.0) is put right from
what the kernel shows without ip(8): SIOCGIFCONF, /proc/net and, where it belongs to this network namespace, /sys:

* it lists labels (``eth0:1``) as interfaces, and leaves their addresses out of ``eth0``'s;
* ``interfaces()`` and ``gateways()`` crash the process where a name is not UTF-8: the first is never called;
* each ``ifaddresses()`` walks all addresses of the host: only names that can matter are asked;
* ``gateways()`` mixes all tables, and loses its own ``default`` where another table has one as well;
* a broadcast address that is not set is invented: the own address, or the peer's.
"""

from __future__ import annotations

import array
import fcntl
import ipaddress
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from asymgen.errors import UnsupportedError
from asymgen.records import record
from asymgen.system.host_files import HostFiles

MISSING_HINT = "Install python3-netifaces (Debian, Ubuntu, Fedora, EL 8 and 9), or: pip install 'asymgen[netifaces]'"

_SIOCGIFCONF = 0x8912
_IFREQ = struct.calcsize("16sQQQ" if struct.calcsize("P") == 8 else "16s16x")
_MOST_ANSWERS = 1 << 16
_IN6_SCOPES = {0x00: "global", 0x10: "host", 0x20: "link", 0x40: "site"}
_IN6_FLAGS = {"temporary": 0x01, "dadfailed": 0x08, "deprecated": 0x20, "tentative": 0x40}
_IN6_PERMANENT = 0x80
_LINK_FLAGS = {"UP": 0x1, "BROADCAST": 0x2, "LOOPBACK": 0x8, "POINTOPOINT": 0x10, "NOARP": 0x80}
_UNKNOWN_TABLE = "unspec"
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}

Entry = dict[str, Any]
Way = tuple[str, str]
"""A gateway and its interface."""


@record
class _Inet6:
    """A line of /proc/net/if_inet6."""

    name: str
    address: str
    scope: str
    flags: int


def read_objects(files: HostFiles, *, why: str) -> dict[str, Any]:
    """``links``, ``addrs``, ``routes4``, ``routes6``, ``rules4``, ``rules6`` as far as they can be seen, in the form
    of ``ip -j -d``, with ``notes``. ``why`` says why ip(8) was not asked. Raises UnsupportedError."""
    netifaces = _load(why)
    names = {name: index for index, name in socket.if_nameindex()}
    _refuse_crash(names)
    inet6 = tuple(_read_inet6(files))
    seen = _SysfsLinks(files, names)
    addrs, macs = _addresses(netifaces, names, inet6)
    gateways = netifaces.gateways()
    routes = {
        family: [*_connected(addrs, family), *_defaults(gateways, family, main=_main_defaults(files, family))]
        for family in _FAMILIES
    }
    return {
        "links": [seen.link(name, index, mac=macs.get(name, "")) for name, index in names.items()],
        "addrs": [{"ifname": name, "ifindex": index, "addr_info": addrs[name]} for name, index in names.items()],
        "routes4": routes["inet"], "routes6": routes["inet6"],
        "rules4": _standard_rules(socket.AF_INET), "rules6": _standard_rules(socket.AF_INET6),
        "notes": [*_limits(why), *seen.notes],
    }  # fmt: skip


def _load(why: str) -> ModuleType:
    try:
        import netifaces  # noqa: PLC0415 - an extra, wanted on few hosts
    except ImportError:
        raise UnsupportedError(
            f"{why}, and the Python module netifaces is not here either", hint=MISSING_HINT
        ) from None
    return netifaces


def _refuse_crash(names: Iterable[str]) -> None:
    for name in names:
        if any("\udc80" <= letter <= "\udcff" for letter in name):
            raise UnsupportedError(
                f"interface {name!r}: netifaces crashes where a name is not UTF-8",
                hint="rename the interface, or install iproute2 4.17 or newer",
            )


def _limits(why: str) -> Iterator[str]:
    yield (
        f"Read with netifaces ({why}): interfaces, addresses and default gateways. Not seen: routing rules, tables "
        "other than main, metrics of IPv6, routes to networks, multipath defaults and defaults without a gateway."
    )
    yield (
        "What follows: answers that are called wrong may be right already by rules that were not seen; a number of a "
        "table or priority may be somebody's: look at `ip rule`, and choose others with --table-base and "
        "--priority-base. An interface whose way out was not seen needs --gateway."
    )
    yield "What is written calls ip(8) of iproute2: on a host without it, nothing of it works."


# --- addresses -----------------------------------------------------------------------------------


def _addresses(
    netifaces: ModuleType, names: Mapping[str, int], inet6: tuple[_Inet6, ...]
) -> tuple[dict[str, list[Entry]], dict[str, str]]:
    """Entries of ``addr_info`` per interface, and the MAC of each that was asked.

    Interfaces with nothing but a link-local IPv6 address (the ports of a thousand containers) are not asked.
    """
    facts = {(one.name, one.address): one for one in inet6}
    wanted = dict.fromkeys([*_names_with_ipv4(), *(one.name for one in inet6 if one.scope in ("global", "site"))])
    found: dict[str, list[Entry]] = {name: [] for name in names}
    macs = {}
    for label in wanted:
        name = _owner(label, names)
        answer = {} if name is None else _asked(netifaces, label)
        for family, number in _FAMILIES.items():
            for given in answer.get(number, ()):
                found[name or ""].append(_entry(given, family, facts=facts, name=name or ""))
        if answer.get(netifaces.AF_LINK):
            macs[name or ""] = answer[netifaces.AF_LINK][0]["addr"]
    for entries in found.values():
        _mark_secondary(entries)
    return found, macs


def _names_with_ipv4() -> list[str]:
    """Interfaces and labels that hold an IPv4 address: netdevice(7), SIOCGIFCONF."""
    buffer = array.array("B", bytes(_MOST_ANSWERS * _IFREQ))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        address, _ = buffer.buffer_info()
        filled = fcntl.ioctl(asked, _SIOCGIFCONF, struct.pack("iP", len(buffer), address))
    size, _ = struct.unpack("iP", filled)
    answers = buffer.tobytes()[:size]
    names = (answers[start : start + 16].split(b"\0")[0] for start in range(0, size, _IFREQ))
    return [os.fsdecode(name) for name in names]


def _asked(netifaces: ModuleType, label: str) -> Mapping[int, list[dict[str, str]]]:
    """What netifaces knows of a name; nothing where it has gone meanwhile, or is a label that is not UTF-8."""
    try:
        found: Mapping[int, list[dict[str, str]]] = netifaces.ifaddresses(label)
    except ValueError:
        return {}
    return found


def _owner(label: str, names: Mapping[str, int]) -> str | None:
    """The interface that a label belongs to: iproute2 wants it to begin with the interface's name."""
    starts = (label[:length] for length in range(len(label), 0, -1))
    return next((start for start in starts if start in names), None)


def _entry(given: Mapping[str, str], family: str, *, facts: Mapping[tuple[str, str], _Inet6], name: str) -> Entry:
    local = given["addr"].partition("%")[0]
    mask = given.get("netmask") or given.get("mask", "")  # netifaces2 says "mask"
    interface = ipaddress.ip_interface(f"{local}/{mask.partition('/')[2] or mask}")
    entry: Entry = {"family": family, "local": local, "prefixlen": interface.network.prefixlen, "scope": "global"}
    peer = _peer(interface, given)
    if peer:
        entry["address"] = peer
    if interface.ip.is_loopback:
        entry["scope"] = "host"
    fact = facts.get((name, local))
    if fact is not None:
        entry["scope"] = fact.scope
        entry.update({flag: True for flag, bit in _IN6_FLAGS.items() if fact.flags & bit})
        entry.update({} if fact.flags & _IN6_PERMANENT else {"dynamic": True})
    return entry


def _peer(interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface, given: Mapping[str, str]) -> str | None:
    """The far end: netifaces calls it ``peer`` or ``broadcast``, and a broadcast address as well."""
    other = (given.get("peer") or given.get("broadcast", "")).partition("%")[0]
    if not other or other in (str(interface.ip), "255.255.255.255", "0.0.0.0"):  # noqa: S104 - no address to bind to
        return None
    network = interface.network
    return other if network.prefixlen == network.max_prefixlen or ipaddress.ip_address(other) not in network else None


def _mark_secondary(entries: Iterable[Entry]) -> None:
    """A later IPv4 address of the same subnet: the kernel's IFA_F_SECONDARY."""
    known = set()
    for entry in entries:
        if entry["family"] == "inet":
            network = _network(entry)
            if network in known:
                entry["secondary"] = True
            known.add(network)


def _network(entry: Entry) -> str:
    start = entry.get("address", entry["local"])
    return str(ipaddress.ip_network(f"{start}/{entry['prefixlen']}", strict=False))


def _read_inet6(files: HostFiles) -> Iterator[_Inet6]:
    for line in (files.text("/proc/net/if_inet6", optional=True) or "").splitlines():
        digits, _index, _length, scope, flags, name = line.split()
        address = ipaddress.IPv6Address(int(digits, 16))
        yield _Inet6(name, str(address), _IN6_SCOPES.get(int(scope, 16), "global"), int(flags, 16))


# --- routes and rules ----------------------------------------------------------------------------


def _connected(addrs: Mapping[str, list[Entry]], family: str) -> Iterator[Entry]:
    """The routes that the kernel made with the addresses."""
    done = set()
    for name, entries in addrs.items():
        for entry in entries:
            network = _network(entry)
            lone = network.endswith(("/32", "/128")) and "address" not in entry
            if entry["family"] != family or entry["scope"] in ("host", "link") or lone or (name, network) in done:
                continue
            done.add((name, network))
            way = {"prefsrc": entry["local"]} if family == "inet" else {"metric": 256}
            yield {"type": "unicast", "dst": network, "dev": name, "protocol": "kernel", "scope": "link", **way}


def _defaults(gateways: Mapping[Any, Any], family: str, *, main: Mapping[Way, int] | None) -> Iterator[Entry]:
    """Default routes. ``main`` are those of that table with their metrics, None where nothing tells: then only
    what netifaces calls the default is in ``main``, and which table has the others is unknown."""
    number = int(_FAMILIES[family])
    best = dict(gateways.get("default", {})).get(number)
    ways = dict.fromkeys((way[0].partition("%")[0], way[1]) for way in gateways.get(number, ()))
    for gateway, name in ways:
        route = {"type": "unicast", "dst": "default", "gateway": gateway, "dev": name, "protocol": "unspec"}
        if main is None and best is not None and (best[0].partition("%")[0], best[1]) == (gateway, name):
            yield route
        elif main is not None and (gateway, name) in main:
            yield {**route, "metric": main[gateway, name]}
        else:
            yield {**route, "table": _UNKNOWN_TABLE}


def _main_defaults(files: HostFiles, family: str) -> dict[Way, int] | None:
    """IPv4's from /proc/net/route, which shows ``main`` alone; /proc/net/ipv6_route mixes all tables."""
    text = files.text("/proc/net/route", optional=True) if family == "inet" else None
    if text is None:
        return None
    found: dict[Way, int] = {}
    for line in text.splitlines()[1:]:
        name, destination, gateway, _flags, _count, _use, metric, mask, *_ = line.split()
        if int(destination, 16) == 0 and int(mask, 16) == 0:
            # As the processor stores it: the address of "0100A8C0" is 192.168.0.1 on little-endian ones.
            address = ipaddress.IPv4Address(struct.pack("=I", int(gateway, 16)))
            found.setdefault((str(address), name), int(metric))
    return found


def _standard_rules(family: int) -> list[Entry]:
    """What every kernel starts with; others cannot be seen."""
    tables = {0: "local", 32766: "main", **({32767: "default"} if family == socket.AF_INET else {})}
    return [{"priority": at, "src": "all", "table": name, "protocol": "kernel"} for at, name in tables.items()]


# --- links ---------------------------------------------------------------------------------------


class _SysfsLinks:
    """Links in ``ip -j``'s form, with flags, kind, master and group from /sys/class/net, if it is that of this
    network namespace (it need not be: it belongs to whoever mounted it)."""

    def __init__(self, files: HostFiles, names: Iterable[str]) -> None:
        self._files = files
        listed = {name for name in files.names("/sys/class/net") if files.exists(f"/sys/class/net/{name}/ifindex")}
        self._is_ours = listed == set(names)

    @property
    def notes(self) -> tuple[str, ...]:
        if self._is_ours:
            return ()
        note = (
            "Flags, kinds, masters and groups of interfaces were not seen (/sys/class/net is another network "
            "namespace's): name tunnels and members of a VRF with --exclude."
        )
        return (note,)

    def link(self, name: str, index: int, *, mac: str) -> Entry:
        """One entry of ``links``."""
        link: Entry = {"ifindex": index, "ifname": name, **({"address": mac} if mac else {})}
        if not self._is_ours:
            return {**link, "flags": ["UP", "LOWER_UP", *(["LOOPBACK"] if name == "lo" else [])]}
        kind = self._kind(name)
        master = self._files.link_target(f"/sys/class/net/{name}/master")
        return {
            **link, "flags": self._flags(name), "mtu": int(self._word(name, "mtu") or 1500),
            "group": self._word(name, "netdev_group") or "0",
            **({"master": os.path.basename(master)} if master else {}),
            **({"linkinfo": {"info_kind": kind}} if kind else {}),
        }  # fmt: skip

    def _word(self, name: str, fact: str) -> str:
        return (self._files.text(f"/sys/class/net/{name}/{fact}", optional=True) or "").strip()

    def _flags(self, name: str) -> list[str]:
        bits = int(self._word(name, "flags") or "0", 16)
        carrier = ["LOWER_UP"] if self._word(name, "carrier") == "1" else []
        return [*(flag for flag, bit in _LINK_FLAGS.items() if bits & bit), *carrier]

    def _kind(self, name: str) -> str:
        """``tun``, or the device type, which is the kind for bridge, bond, vlan, vxlan, wireguard and others."""
        if self._word(name, "tun_flags"):
            return "tun"
        lines = self._word(name, "uevent").splitlines()
        return next((line.partition("=")[2] for line in lines if line.startswith("DEVTYPE=")), "")
