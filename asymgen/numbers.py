"""Identifiers: routing tables, rule priorities, device groups. Free, and the same tomorrow.

routing.md, "Numbers". An interface keeps its numbers, keyed by name, from the plan file or from our
own live rules. Free means: in no live rule or route, in no rt_tables file, in no band of a tool that
is on this host (:data:`BANDS`).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from asymgen.errors import UnsupportedError
from asymgen.model import PROTOCOL, RESERVED_TABLES, TABLE_LOCAL, TABLE_MAIN, Host, Kept, Numbers, Rule, RuleAction
from asymgen.records import record
from asymgen.uplinks import Candidate

PRIORITY_BASE = 32000
PRIORITIES_EACH = 10
"""Priorities that one uplink reserves: P+0 to P+4 are used, the rest is room."""

TABLE_BASE = 1
GROUP_BASE = 9700
UNKNOWN, STATIC = 0, 4
"""rtnetlink protocols: none was shown (kernel before 4.17); "by an administrator's configuration"."""


@record
class Band:
    """Numbers that another tool uses where it is on the host: known by an interface name (glob) or
    by its name among the installed managers."""

    owner: str
    interfaces: tuple[str, ...] = ()
    tables: tuple[tuple[int, int], ...] = ()
    priorities: tuple[tuple[int, int], ...] = ()


BANDS = (
    Band("tailscale", ("tailscale*",), ((52, 52),), ((5210, 5270),)),
    Band("kube-router", ("kube-bridge",), ((77, 79),), ((77, 110),)),
    Band("netbird", ("wt[0-9]*",), ((7120, 7120),), ((100, 110),)),
    Band("cloud-init", (), ((100, 199),)),
    Band("amazon-ec2-net-utils", (), ((10000, 11999),), ((10000, 11999),)),
    Band("nm-cloud-setup", (), ((30200, 30500),), ((30000, 30500),)),
    Band("cloud-netconfig", (), ((30000, 30500),), ((30000, 30500),)),
    Band("wireguard", ("wg*",), ((51820, 51840),)),
    Band("ifupdown-multi", (), (), ((25357, 25612), (31047, 31302))),
    Band("mwan3", (), ((1, 250),), ((1000, 3999),)),
    Band("shorewall", (), (), ((1000, 1999), (11000, 11999), (20000, 26999))),
    Band("kubernetes", ("cali*", "cilium*"), ((2004, 2005),), ((9, 111),)),
)  # fmt: skip
"""The register of facts/peers.md, section 2."""


def remember_live(host: Host, kept: Kept) -> Kept:
    """``kept`` with the numbers that rules of ours show which carry another protocol: systemd-networkd's
    are always ``static``, but lead to a table whose routes are all ours (its ``_dhcp4`` and ``_ipv6ra`` keep
    the protocol of the lease: tried with 252). For a host without a plan file."""
    known = {numbers.table for numbers in kept.numbers}
    shared = {route.table for route in host.routes if route.protocol not in (PROTOCOL, 9, 16)}
    live = _live_numbers(host, protocols=(0, 3, 4))
    found = (one for one in live if one.table not in known and one.table not in shared)
    return replace(kept, numbers=(*kept.numbers, *dict.fromkeys(found)))


def is_ours(rule: Rule, kept: Kept) -> bool:
    """Whether asymgen made ``rule``: by protocol 97; by its number where systemd-networkd made it from our file
    (its rules are all ``static``); by its number *and* what it does where a kernel before 4.17 knows no protocol.
    What a person types has protocol ``boot`` and is never ours."""
    if rule.protocol == PROTOCOL:
        return True
    if rule.protocol not in (UNKNOWN, STATIC) or rule.iif != "lo" or rule.source is None:
        return False
    return any(_in_slot(rule, own) and (rule.protocol == STATIC or _has_our_shape(rule, own)) for own in kept.numbers)


def _in_slot(rule: Rule, own: Numbers) -> bool:
    """A jump stands far ahead, and leads into the slot."""
    slot = range(own.priority, own.priority + PRIORITIES_EACH)
    return (rule.target if rule.action is RuleAction.GOTO else rule.priority) in slot


def _has_our_shape(rule: Rule, own: Numbers) -> bool:
    for_main = rule.table == TABLE_MAIN and (rule.suppress_prefixlength is not None or rule.destination is not None)
    return for_main or rule.table in (own.table, TABLE_LOCAL) or rule.action is not RuleAction.LOOKUP


def follow_renames(host: Host, kept: Kept) -> Kept:
    """``kept`` with the new names of interfaces that were renamed: the old name is gone, and one link alone has
    its MAC, kind and VLAN id."""
    names = {}
    for old in kept.numbers:
        if old.mac and host.link(old.interface) is None:
            key = (old.mac, old.kind, old.vlan_id)
            twins = [link.name for link in host.links if (link.mac, link.kind, link.vlan_id) == key]
            if len(twins) == 1:
                names[old.interface] = twins[0]
    return replace(
        kept,
        numbers=tuple(replace(old, interface=names.get(old.interface, old.interface)) for old in kept.numbers),
        gateways={names.get(name, name): found for name, found in kept.gateways.items()},
    )


def assign_numbers(
    host: Host, candidates: Sequence[Candidate], kept: Kept, *, table_base: int | None, priority_base: int | None
) -> dict[Candidate, Numbers]:
    """Numbers for every candidate; both families of an interface share them.

    Raises UnsupportedError where the priorities before the first rule for ``main`` do not suffice.
    """
    slots = _slots(candidates)
    known = (*kept.numbers, *_live_numbers(host))
    remembered = _remembered(slots, known, table_base=table_base, priority_base=priority_base)
    taken_tables = _taken_tables(host, kept) | {numbers.table for numbers in remembered.values()}
    taken_priorities = {numbers.priority for numbers in remembered.values()}
    tables = _free_tables(table_base or TABLE_BASE, taken_tables)
    priorities = _free_priorities(host, kept, len(slots), priority_base, taken_priorities)
    assigned = {}
    for slot in slots:
        old = remembered.get(slot)
        table, priority = (old.table, old.priority) if old else (next(tables), next(priorities))
        for candidate in slot.candidates:
            assigned[candidate] = slot.numbered(host, table, priority)
    return assigned


@dataclass(frozen=True, eq=False)
class _Slot:
    """What shares one number: an interface's first next hop of each family, its second, …"""

    interface: str
    candidates: tuple[Candidate, ...]

    @property
    def gateways(self) -> tuple[object, ...]:
        return tuple(candidate.way.gateway for candidate in self.candidates)

    def numbered(self, host: Host, table: int, priority: int) -> Numbers:
        link = host.link(self.interface)
        gateways = tuple(c.way.gateway for c in self.candidates if c.way.gateway is not None)
        mac, kind, vlan = (link.mac, link.kind, link.vlan_id) if link else ("", "", None)
        return Numbers(self.interface, table, priority, gateways=gateways, mac=mac, kind=kind, vlan_id=vlan)


def _slots(candidates: Sequence[Candidate]) -> list[_Slot]:
    slots: dict[tuple[str, int], list[Candidate]] = {}
    counts: dict[tuple[str, int], int] = {}
    for candidate in candidates:
        key = (candidate.way.interface, int(candidate.way.family))
        ordinal = counts[key] = counts.get(key, -1) + 1
        slots.setdefault((candidate.way.interface, ordinal), []).append(candidate)
    return [_Slot(interface, tuple(members)) for (interface, _), members in slots.items()]


def _remembered(
    slots: list[_Slot], known: Sequence[Numbers], *, table_base: int | None, priority_base: int | None
) -> dict[_Slot, Numbers]:
    """Which slot keeps which earlier numbers. Bases that a person now asks for end what was kept."""
    usable = [
        numbers
        for numbers in known
        if (table_base is None or numbers.table >= table_base)
        and (priority_base is None or numbers.priority >= priority_base)
    ]
    remembered: dict[_Slot, Numbers] = {}
    for matches in (_same_gateway, _same_name):
        for slot in slots:
            free = [old for old in usable if old.table not in {n.table for n in remembered.values()}]
            found = next((old for old in free if matches(slot, old)), None)
            if slot not in remembered and found is not None:
                remembered[slot] = found
    return remembered


def _same_gateway(slot: _Slot, old: Numbers) -> bool:
    return slot.interface == old.interface and bool(set(slot.gateways) & set(old.gateways))


def _same_name(slot: _Slot, old: Numbers) -> bool:
    return slot.interface == old.interface


def _live_numbers(host: Host, *, protocols: Collection[int] = (PROTOCOL,)) -> Iterator[Numbers]:
    """Numbers that our own live rules show: the rule at P+3 looks up T, whose routes name the interface."""
    ours = [route for route in host.routes if route.protocol == PROTOCOL and route.interfaces]
    owners = {route.table: route.interfaces[0] for route in ours}
    for rule in host.rules:
        plain = rule.action is RuleAction.LOOKUP and rule.suppress_prefixlength is None and rule.destination is None
        if rule.protocol in protocols and plain and rule.table is not None and rule.table in owners:
            yield Numbers(owners[rule.table], rule.table, rule.priority - 3)


def is_present(host: Host, band: Band) -> bool:
    """Whether the band's owner is on ``host``: by an interface of its, or among the installed managers."""
    names = [link.name for link in host.links]
    return band.owner in host.managers.installed or any(fnmatch.filter(names, glob) for glob in band.interfaces)


def _taken_tables(host: Host, kept: Kept) -> set[int]:
    taken = set(RESERVED_TABLES)
    taken |= {route.table for route in host.routes if route.protocol != PROTOCOL}
    taken |= {rule.table for rule in host.rules if rule.table is not None and not is_ours(rule, kept)}
    taken |= {number for number, name in host.table_names.items() if not name.startswith("asymgen")}
    for band in BANDS:
        if is_present(host, band):
            taken.update(*(range(first, last + 1) for first, last in band.tables))
    return taken


def _free_tables(base: int, taken: set[int]) -> Iterator[int]:
    table = base
    while True:
        if table not in taken:
            yield table
        table += 1


def main_priority(rules: Iterable[Rule], default: int = 32766) -> int:
    """Priority of the first rule that sends everything to ``main``."""
    return min(
        (
            rule.priority
            for rule in rules
            if rule.is_unconditional and rule.action is RuleAction.LOOKUP and rule.table == 254
            and rule.suppress_prefixlength is None and rule.suppress_group is None
        ),
        default=default,
    )  # fmt: skip


def _free_priorities(host: Host, kept: Kept, count: int, asked: int | None, taken: set[int]) -> Iterator[int]:
    """First priorities of uplinks, upwards from the base, all before the first rule for ``main``."""
    limit = main_priority(host.rules)
    step = PRIORITIES_EACH
    base = asked
    if base is None:
        base = PRIORITY_BASE if PRIORITY_BASE + step * count <= limit else max(1, (limit - step * count) // step * step)
    foreign = {rule.priority for rule in host.rules if not is_ours(rule, kept)}
    bands = [band for band in BANDS if is_present(host, band)]
    for priority in range(base, limit - step + 1, step):
        slot = range(priority, priority + step)
        in_band = any(first < priority + step and priority <= last for band in bands for first, last in band.priorities)
        if priority not in taken and not in_band and not any(number in foreign for number in slot):
            yield priority
    raise UnsupportedError(
        f"no free rule priorities between {base} and {limit}, where the first rule for table main stands; "
        f"{count} uplinks need {step * count} of them",
        hint="give a lower --priority-base",
    )


def assign_groups(host: Host, kept: Kept, *, primary: str, secondaries: Iterable[str]) -> tuple[int, int]:
    """The device groups (G0 for the primary's interface, G1 for the other uplinks'): kept, else as our
    live rules name them, else the first two that nobody uses. Never 0."""
    if kept.groups is not None:
        return kept.groups
    rules = [rule for rule in host.rules if is_ours(rule, kept)]
    live = _live_groups(host, rules, primary=primary, secondaries=secondaries)
    if live is not None:
        return live
    taken = {link.group for link in host.links} | set(host.group_names) | host.firewall_groups | {0}
    free = (number for number in range(GROUP_BASE, 1 << 31) if number not in taken)
    return next(free), next(free)


def _live_groups(
    host: Host, rules: Iterable[Rule], *, primary: str, secondaries: Iterable[str]
) -> tuple[int, int] | None:
    ours = {rule.suppress_group for rule in rules if rule.suppress_group is not None}
    present: Mapping[str, int] = {link.name: link.group for link in host.links if link.group in ours}
    others = {present[name] for name in secondaries if name in present}
    if primary in present and len(others) == 1 and present[primary] not in others:
        return present[primary], others.pop()
    return None
