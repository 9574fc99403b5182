"""The types that every step passes on: frozen, with :mod:`ipaddress` values and enums.

Two worlds meet here. ``Host`` and what it holds is what a snapshot says about a machine; ``Plan``
is what asymgen wants for it; ``KernelState`` is that wish in the kernel's own terms, after
lowering. Rules and routes have one type each in all three, so that the model of the kernel's
lookup (``lookup.py``) can be asked about today and about tomorrow.

Sources: ip-rule(8), ip-route(8), ip-address(8), include/uapi/linux/fib_rules.h, rtnetlink(7).
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from typing import Union

from asymgen.prefix_set import PrefixSet
from asymgen.records import record

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def prefix_of(address: Address, length: int) -> Network:
    """The prefix of ``length`` bits that ``address`` lies in; one object for all addresses that share it."""
    behind = address.max_prefixlen - length
    if not behind:
        return _prefix(int(address), length, address.version)
    return _shared_prefix(int(address) >> behind << behind, length, address.version)


def _prefix(start: int, length: int, version: int) -> Network:
    """By number: from an address, :mod:`ipaddress` would make text and parse it."""
    return ipaddress.IPv4Network((start, length)) if version == 4 else ipaddress.IPv6Network((start, length))


_shared_prefix = lru_cache(maxsize=4096)(_prefix)


PROTOCOL = 97
"""rtnetlink protocol number (0 to 255) of every rule and route that asymgen makes."""

TABLE_DEFAULT = 253
TABLE_MAIN = 254
TABLE_LOCAL = 255
RESERVED_TABLES = frozenset({0, TABLE_DEFAULT, TABLE_MAIN, TABLE_LOCAL})


class Family(enum.IntEnum):
    """An address family, by the digit that ip(8) takes: ``ip -4``, ``ip -6``."""

    IPV4 = 4
    IPV6 = 6

    def __str__(self) -> str:
        """The digit, also before Python 3.11, where str() of an IntEnum is its name."""
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    @property
    def bits(self) -> int:
        """Length of an address in bits: 32 or 128."""
        return 32 if self is Family.IPV4 else 128

    @property
    def everything(self) -> Network:
        """The default route's destination: 0.0.0.0/0 or ::/0."""
        return ipaddress.ip_network("0.0.0.0/0" if self is Family.IPV4 else "::/0")

    @property
    def suppressed_length(self) -> int:
        """Prefix lengths up to this one count as "a default" (VPNs split it into /1 to /7)."""
        return 7 if self is Family.IPV4 else 6


class RouteType(enum.Enum):
    """What a route does with a packet: ip-route(8), "Route types"."""

    UNICAST = "unicast"
    LOCAL = "local"
    BROADCAST = "broadcast"
    ANYCAST = "anycast"
    MULTICAST = "multicast"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    THROW = "throw"

    @property
    def is_error(self) -> bool:
        """The lookup ends here with an error; no suppressor looks at it."""
        return self in (RouteType.BLACKHOLE, RouteType.UNREACHABLE, RouteType.PROHIBIT)


class RuleAction(enum.Enum):
    """What a matching rule does: ip-rule(8)."""

    LOOKUP = "lookup"
    GOTO = "goto"
    NOP = "nop"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"


@record
class Range:
    """An inclusive range of ports or user ids."""

    first: int
    last: int


@record
class NextHop:
    """One leg of a route. ``gateway`` is None for a device route; ``interface`` is None where the
    kernel shows none (error routes). ``gateway`` may be of the other family (``via inet6``)."""

    interface: str | None
    gateway: Address | None = None
    weight: int = 1
    onlink: bool = False
    linkdown: bool = False
    dead: bool = False


@record
class Route:
    """A route in the order the kernel lists it. ``metric`` is 0 where IPv4 shows none and 1024
    where IPv6 shows none. ``scope`` is ip(8)'s word (global, link, host, …)."""

    family: Family
    destination: Network
    table: int
    type: RouteType = RouteType.UNICAST
    nexthops: tuple[NextHop, ...] = ()
    metric: int = 0
    protocol: int = 0
    scope: str = "global"
    preferred_source: Address | None = None
    mtu: int | None = None
    tos: int = 0
    preference: str = "medium"
    source: Network | None = None
    """IPv6 only: the route counts for packets from here alone (``ip -6 route add … from``)."""

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The interfaces of all legs, in order."""
        return tuple(hop.interface for hop in self.nexthops if hop.interface is not None)


@record
class BulkRoutes:
    """Unicast routes of ``main`` with one leg by a gateway, or routes of ``local`` to addresses of IPv4; no TOS, not
    ours; none is a default, link-local or multicast, and no other route of their table has one of their destinations.
    ``sample`` is one of them."""

    sample: Route
    networks: PrefixSet

    def to(self, network: Network) -> Route:
        """The one to ``network``."""
        return replace(self.sample, destination=network)

    def routes(self) -> Iterator[Route]:
        """Each as an object."""
        return map(self.to, self.networks)


@record
class Rule:
    """A rule of the routing policy database, in the order the kernel lists it.

    ``source``/``destination`` None means "all"; ``mark`` matches ``packet & mask == mark``;
    ``table`` belongs to LOOKUP, ``target`` (a priority, None = unresolved) to GOTO;
    ``suppress_prefixlength`` and ``suppress_group`` None mean "not given"; ``unmodelled`` names
    selectors that this type does not carry (``tun_id``…): such a rule may or may not match.
    """

    family: Family
    priority: int
    action: RuleAction = RuleAction.LOOKUP
    table: int | None = None
    target: int | None = None
    source: Network | None = None
    destination: Network | None = None
    iif: str | None = None
    oif: str | None = None
    mark: int | None = None
    mask: int | None = None
    tos: int | None = None
    ipproto: int | None = None
    sport: Range | None = None
    dport: Range | None = None
    uids: Range | None = None
    suppress_prefixlength: int | None = None
    suppress_group: int | None = None
    inverted: bool = False
    l3mdev: bool = False
    protocol: int = 0
    unmodelled: tuple[str, ...] = ()

    @property
    def is_unconditional(self) -> bool:
        """No selector at all: every packet matches (suppressors are not selectors)."""
        return not self.inverted and not self.l3mdev and not self.unmodelled and self.selectors == ()

    @property
    def selectors(self) -> tuple[str, ...]:
        """Names of the selectors that are set, in ip-rule(8)'s order."""
        named = (
            ("from", self.source), ("to", self.destination), ("tos", self.tos), ("fwmark", self.mark),
            ("iif", self.iif), ("oif", self.oif), ("uidrange", self.uids), ("ipproto", self.ipproto),
            ("sport", self.sport), ("dport", self.dport),
        )  # fmt: skip
        return tuple(name for name, value in named if value is not None)


@record
class InterfaceAddress:
    """An address with its prefix length. ``scope`` is ip(8)'s word. ``network`` is the connected
    prefix (the peer's for a point-to-point address)."""

    address: Address
    prefixlength: int
    scope: str = "global"
    peer: Address | None = None
    dynamic: bool = False
    temporary: bool = False
    tentative: bool = False
    deprecated: bool = False
    secondary: bool = False
    noprefixroute: bool = False
    expired: bool = False

    @property
    def family(self) -> Family:
        return Family(self.address.version)

    @property
    def is_usable(self) -> bool:
        """Whether replies can come from this address: never link-local, multicast, loopback, host
        scope, tentative or expired ones."""
        plain = self.address
        special = plain.is_link_local or plain.is_multicast or plain.is_loopback or plain.is_unspecified
        return not (special or self.scope in ("host", "link") or self.tentative or self.expired)

    @property
    def network(self) -> Network:
        return prefix_of(self.peer or self.address, self.prefixlength)


@record
class Link:
    """A network interface. ``kind`` is iproute2's ``info_kind`` ("" for hardware), ``master`` the
    bridge, bond, team or VRF it is enslaved to, ``group`` its device group (0 = default)."""

    name: str
    index: int
    kind: str = ""
    mac: str = ""
    group: int = 0
    master: str | None = None
    lower: str | None = None
    vlan_id: int | None = None
    flags: frozenset[str] = frozenset()
    mtu: int = 1500
    addresses: tuple[InterfaceAddress, ...] = ()

    @property
    def is_up(self) -> bool:
        return "UP" in self.flags

    @property
    def is_point_to_point(self) -> bool:
        return "POINTOPOINT" in self.flags

    def usable_addresses(self, family: Family) -> tuple[InterfaceAddress, ...]:
        """The addresses of one family that replies can come from, in the kernel's order."""
        return self._usable_addresses[family]

    # Asked several times, and a link may have ten thousand addresses.
    @cached_property
    def _usable_addresses(self) -> Mapping[Family, tuple[InterfaceAddress, ...]]:
        usable = [address for address in self.addresses if address.is_usable]
        return {family: tuple(each for each in usable if each.address.version == family.value) for family in Family}


@record
class ManagedInterface:
    """Who configures an interface: ``manager`` is one of ifupdown, networkd, NetworkManager,
    netplan, wicked, dhcpcd, network-scripts. ``file`` is the file that wins for it (the .network
    file for networkd, the interfaces(5) file for ifupdown), ``gateways`` what that file names,
    ``dynamic`` the families it gets by DHCP or RA."""

    manager: str
    file: str | None = None
    gateways: tuple[Address, ...] = ()
    dynamic: frozenset[Family] = frozenset()


@record
class Lease:
    """What a DHCP server told about an interface: its routers, and the file it was read from."""

    interface: str
    routers: tuple[Address, ...]
    file: str


@record
class Managers:
    """What is on the host. ``init`` is systemd, sysvinit, openrc, runit, busybox or ""; keys of
    ``installed`` are manager names (see ManagedInterface) with their version ("" = unknown);
    ``running`` the managers whose daemon runs; ``networkd_removes`` which of "rules" and "routes" of others a
    running networkd removes;
    ``rivals`` cloud agents that configure interfaces beside them (``rivals.py``)."""

    init: str = ""
    installed: Mapping[str, str] = field(default_factory=dict)
    running: frozenset[str] = frozenset()
    interfaces: Mapping[str, ManagedInterface] = field(default_factory=dict)
    networkd_removes: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()


@record
class Host:
    """Everything a snapshot says, parsed. Mappings are never changed after parsing.

    ``rules`` and ``routes`` hold both families, each family in the kernel's order. ``sysctls``
    maps ``net.ipv4.conf.eth0/100.arp_filter``'s slash form (``net/ipv4/conf/eth0.100/arp_filter``)
    to its value. ``table_names``/``group_names`` map numbers to names; ``firewall_groups`` are the
    device groups that firewall rules match; ``notes`` says what could not be read and what follows;
    ``reader`` is netifaces where rules and tables could not be seen. ``bulk`` are the routes that are not
    in ``routes`` because there are hundreds alike.
    """

    hostname: str
    links: tuple[Link, ...]
    routes: tuple[Route, ...]
    rules: tuple[Rule, ...]
    os_release: Mapping[str, str]
    machine_id: str = ""
    kernel: str = ""
    iproute2: str = ""
    table_names: Mapping[int, str] = field(default_factory=dict)
    group_names: Mapping[int, str] = field(default_factory=dict)
    firewall_groups: frozenset[int] = frozenset()
    managers: Managers = field(default_factory=Managers)
    leases: tuple[Lease, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    reader: str = "iproute2"
    bulk: tuple[BulkRoutes, ...] = ()
    udp_wildcards: frozenset[tuple[Family, int]] = frozenset()
    """UDP ports (1 to 65535) with a socket that is bound to no address."""

    def link(self, name: str) -> Link | None:
        """The link called ``name``, or None."""
        return self._links_by_name.get(name)

    def routes_through(self, interface: str) -> tuple[Route, ...]:
        """The routes with a leg through ``interface``, in order."""
        return self._routes_by_interface.get(interface, ())

    # Asked once per interface or address: a host may have thousands, and a hundred thousand routes.
    @cached_property
    def _links_by_name(self) -> Mapping[str, Link]:
        return {link.name: link for link in reversed(self.links)}

    @cached_property
    def _routes_by_interface(self) -> Mapping[str, tuple[Route, ...]]:
        found: dict[str, list[Route]] = {}
        for route in self.routes:
            for interface in dict.fromkeys(route.interfaces):
                found.setdefault(interface, []).append(route)
        return {interface: tuple(routes) for interface, routes in found.items()}


# --- the plan ------------------------------------------------------------------------------------


@record
class Choices:
    """What a person decided: the command line over asymgen.toml. ``gateways`` maps an interface to
    addresses; an empty tuple is ``IF=none``. Bases are None where asymgen chooses them."""

    gateways: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
    uplinks: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    rule_by: str = "auto"
    ahead: bool = False
    arp: str = "filter"
    fail_closed: bool = False
    table_base: int | None = None
    priority_base: int | None = None
    families: frozenset[Family] = frozenset(Family)
    network_files: Mapping[str, str] = field(default_factory=dict)
    backends: Mapping[str, str] = field(default_factory=dict)
    """Interface to backend name; the key "" is the backend for every interface not named."""


@record
class Numbers:
    """The identifiers that an uplink keeps: routing table and first rule priority. ``mac``,
    ``kind`` and ``vlan_id`` let a renamed interface be recognised. ``gateways`` tell two next hops
    of one interface apart."""

    interface: str
    table: int
    priority: int
    gateways: tuple[Address, ...] = ()
    mac: str = ""
    kind: str = ""
    vlan_id: int | None = None


@record
class Kept:
    """What an earlier run left in the plan file: numbers, device groups, sysctl values as they
    were before asymgen's first run, gateways that a person gave."""

    numbers: tuple[Numbers, ...] = ()
    groups: tuple[int, int] | None = None
    sysctls_before: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
    """What ``--gateway`` said in an earlier run; the empty tuple is ``none``."""
    watch: str = ""
    """Why an earlier run wrote asymgen-watch: it must not go because the tunnel is down for the moment."""

    def given_gateways(self, choices: Choices) -> dict[str, tuple[Address, ...]]:
        """What a person gave, now or earlier. ``--uplink`` takes an earlier ``none`` back."""
        earlier = {name: found for name, found in self.gateways.items() if found or name not in choices.uplinks}
        return {**earlier, **choices.gateways}


@record
class Uplink:
    """One way out: (interface, family, next hop). ``gateway`` None means that the point-to-point
    interface itself is the next hop. ``prefixes`` are its connected prefixes, ``sources`` what its
    rules select by. ``grouped`` is False where the interface is in somebody else's device group.
    ``dynamic``: DHCP or RA may change addresses or gateway."""

    interface: str
    family: Family
    gateway: Address | None
    gateway_source: str
    addresses: tuple[InterfaceAddress, ...]
    prefixes: tuple[Network, ...]
    sources: tuple[Network, ...]
    table: int
    priority: int
    primary: bool
    onlink: bool = False
    mtu: int | None = None
    grouped: bool = True
    dynamic: bool = False

    # Each script and the report name all of them, and there may be ten thousand.
    @cached_property
    def address_texts(self) -> tuple[str, ...]:
        """``addresses`` in words, without their lengths."""
        return tuple(str(each.address) for each in self.addresses)


@record
class Other:
    """An interface that is no uplink, and why."""

    interface: str
    why: str


@record
class Unresolved:
    """An interface that has addresses but no known next hop in this family."""

    interface: str
    family: Family
    why: str


@record
class Jump:
    """Send replies past ``over`` (a catch-all rule into a tunnel): a goto at ``priority``, for the uplinks
    whose rules stand behind it."""

    family: Family
    priority: int
    over: Rule


@record
class Sysctl:
    """A kernel setting in the slash form. ``before`` is the value to restore on removal."""

    key: str
    value: str
    before: str
    why: str

    @property
    def interface(self) -> str:
        """The interface in ``net/ipv4/conf/INTERFACE/setting``."""
        return self.key.split("/")[3]


@record
class GroupMember:
    """An interface that our rules tell apart by its device group."""

    interface: str
    group: int


@record
class Plan:
    """What the kernel shall hold, before any backend is asked what it can express.

    ``active`` are the families in which there is something to do; ``main`` the host's unicast routes
    in ``main`` longer than a default, ``bulk`` the rest of them; ``repeats`` the rules of others that stand
    between ours (or the jump's priority) and ``main``; ``main_errors`` what ``main`` answers with an error (blackhole,
    unreachable, prohibit), which no suppressor skips; ``watch`` says why jumps must follow rules that appear
    later ("": they need not), ``watch_routes`` that a route may be enough for that; ``local_moved`` those
    whose ``local`` rule stands behind ours; ``forwards``: the
    host routes between uplinks; ``kept``: what the next run must find in the plan file.
    """

    hostname: str
    machine_id: str
    uplinks: tuple[Uplink, ...]
    others: tuple[Other, ...]
    unresolved: tuple[Unresolved, ...]
    groups: tuple[int, int]
    active: frozenset[Family] = frozenset()
    main: tuple[Route, ...] = ()
    bulk: tuple[BulkRoutes, ...] = ()
    repeats: tuple[Rule, ...] = ()
    jumps: tuple[Jump, ...] = ()
    watch: str = ""
    watch_routes: bool = False
    main_errors: tuple[Network, ...] = ()
    local_moved: frozenset[Family] = frozenset()
    sysctls: tuple[Sysctl, ...] = ()
    forwards: bool = False
    fail_closed: bool = False
    notes: tuple[str, ...] = ()
    kept: Kept = field(default_factory=Kept)

    def has_error_default(self, family: Family) -> bool:
        """Whether an error route in ``main`` is no longer than a default."""
        return any(n.version == family.value and n.prefixlen <= family.suppressed_length for n in self.main_errors)

    @cached_property
    def main_by_destination(self) -> Mapping[Family, Mapping[Network, Sequence[Route]]]:
        """``main``: the routes to each destination, the one that the kernel prefers first."""
        grouped: dict[Family, dict[Network, list[Route]]] = {family: {} for family in Family}
        for route in self.main:
            grouped[route.family].setdefault(route.destination, []).append(route)
        for networks in grouped.values():
            for candidates in networks.values():
                candidates.sort(key=lambda route: route.metric)
        return grouped

    @property
    def nothing_to_do(self) -> bool:
        """Fewer than two uplinks in every family, and no tunnel that takes replies away from one."""
        return not self.active


# --- what the kernel must hold -------------------------------------------------------------------


@record
class Capabilities:
    """What a backend on a host can express. ``rule_protocol`` False (kernel < 4.17 or its
    iproute2, or a manager with a protocol of its own): rules are ours by their exact text or number.
    ``error_rules``: rules that answer unreachable, blackhole or prohibit. ``ordered``: rules of one
    priority are asked in the order given. ``follows``: what selects by a dynamic address is kept up to
    date while the host runs. ``unheard``: families in
    which addresses move without an event for the backend, so that asymgen-watch has to tell it;
    ``unheard_temporary``: of IPv6 privacy addresses alone."""

    suppress_prefixlength: bool = True
    suppress_ifgroup: bool = True
    iif: bool = True
    goto: bool = True
    rule_protocol: bool = True
    error_rules: bool = True
    ordered: bool = True
    follows: bool = True
    unheard: tuple[Family, ...] = ()
    unheard_temporary: bool = False


@record
class UplinkState:
    """One uplink in the kernel's terms: ``routes`` all lie in its table, ``rules`` all carry its
    priorities. ``jumps`` stand before somebody else's rule, as of now: backends leave them to the watcher."""

    uplink: Uplink
    routes: tuple[Route, ...]
    rules: tuple[Rule, ...]
    jumps: tuple[Rule, ...] = ()


@record
class Sibling:
    """An uplink that another backend of the same host looks after: its priorities and its table."""

    priorities: Range
    table: int


@record
class Watched:
    """An uplink whose answers must stay ahead of tunnels: what asymgen-watch knows its rules and routes by."""

    family: Family
    interface: str
    priorities: Range
    table: int


@record
class Followed:
    """An interface whose addresses move without an event, and the script that asymgen-watch tells of it."""

    interface: str
    script: str


@record
class KernelState:
    """A lowered plan: everything that asymgen puts into the kernel, and nothing else. Where several
    backends share a host, one backend's part of it: ``siblings`` are the uplinks of the other parts, and
    ``groups`` those of all, since the guard of one part needs the groups of the other interfaces.
    ``watch`` (why, "" for no jumps), ``watched`` and ``watch_routes`` are the whole host's as well. ``followed``
    are interfaces whose addresses move without an event for their backend."""

    uplinks: tuple[UplinkState, ...]
    groups: tuple[GroupMember, ...]
    sysctls: tuple[Sysctl, ...]
    notes: tuple[str, ...] = ()
    siblings: tuple[Sibling, ...] = ()
    watch: str = ""
    watched: tuple[Watched, ...] = ()
    watch_routes: bool = False
    followed: tuple[Followed, ...] = ()

    @property
    def needs_watcher(self) -> bool:
        """Whether asymgen-watch has anything to do: jumps that must follow, or addresses."""
        return bool(self.watched or self.followed)

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for state in self.uplinks for rule in (*state.jumps, *state.rules))

    @property
    def routes(self) -> tuple[Route, ...]:
        return tuple(route for state in self.uplinks for route in state.routes)


# --- files and commands --------------------------------------------------------------------------


class Placement(enum.Enum):
    """Where files go: ADMIN is /etc (for --write), VENDOR is /usr/lib (for packages)."""

    ADMIN = "admin"
    VENDOR = "vendor"


@record
class RenderedFile:
    """A file to be. ``path`` is absolute on the target; ``config`` marks what a package manager
    keeps when a person changed it."""

    path: PurePosixPath
    text: str
    mode: int
    why: str
    config: bool = False


@record
class Command:
    """A command as data; only ``system/commands.py`` runs one."""

    argv: tuple[str, ...]
    why: str


class Fit(enum.IntEnum):
    """How well a backend suits an interface: a ladder, the highest wins."""

    NO = 0
    DISTRIBUTION_DEFAULT = 1
    INSTALLED = 2
    MANAGES = 3


@record
class FitReason:
    """A rung of the ladder with its reason in words."""

    fit: Fit
    why: str
