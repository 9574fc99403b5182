"""Load a snapshot into a fresh network namespace: the host's links, addresses, routes and rules.

The stand-in is rendered straight from the snapshot's JSON (independent of ``asymgen.parse``), and
then compared with it: what the kernel holds must equal what the snapshot says, or the test fails
here. Hardware, VLANs, VRFs and tunnels become one end of a veth pair whose other end lies in a
second namespace (so that they have carrier and nobody answers); bridges, bonds and teams become
bridges. What a stand-in cannot have is listed in ``_NOT_COMPARED``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.namespaces import Namespace, namespace

Json = Mapping[str, Any]
Groups = dict[tuple[str, ...], list[Json]]
"""Routes that compete with one another, in order, by what they have in common."""

_FOREVER = 4294967295
_MASTER_KINDS = ("bridge", "bond", "team")
_PROTOCOLS = {
    "unspec": "0", "redirect": "1", "kernel": "2", "boot": "3", "static": "4", "ra": "9", "zebra": "11",
    "bird": "12", "dhcp": "16", "keepalived": "18", "babel": "42", "asymgen": "97", "bgp": "186", "ospf": "188",
}  # fmt: skip
_TABLES = {"default": "253", "main": "254", "local": "255", "unspec": "0"}
_NOT_COMPARED = ("expires", "pref", "cache", "used")
"""Keys of a route that say nothing about where packets go, or that count down."""

_ROUTE_KEYS = frozenset(
    "type dst from gateway via dev table protocol scope metric prefsrc tos flags metrics nexthops pref expires".split()
)
_RULE_KEYS = frozenset(
    """priority not src srclen dst dstlen tos fwmark fwmask iif iif_detached oif oif_detached uid_start uid_end
    ipproto sport sport_start sport_end dport dport_start dport_end table suppress_prefixlen suppress_ifgroup goto
    unresolved nop action l3mdev protocol""".split()
)


@contextmanager
def loaded_host(snapshot: Json) -> Iterator[Namespace]:
    """A namespace that holds the host of ``snapshot``, proven equal to it."""
    with namespace("host") as host, namespace("peer") as peers:
        _switch_off_autoconfiguration(host, peers)
        _load_links(host, peers, snapshot["links"])
        _load_sysctls(host, snapshot.get("sysctls", {}))
        _load_addresses(host, snapshot["addrs"])
        for family in (4, 6):
            _load_routes(host, family, snapshot)
            _load_rules(host, family, snapshot)
        _wait_until_equal(host, snapshot)
        yield host


def differences(host: Namespace, snapshot: Json) -> list[str]:
    """What the namespace has and the snapshot has not ("+"), and the other way round ("-")."""
    found: list[str] = []
    names = table_numbers(snapshot)
    for family in (4, 6):
        routes = _grouped(host.json("-d", f"-{family}", "route", "show", "table", "all"), names)
        found += _route_differences(family, routes, _grouped(snapshot[f"routes{family}"], names))
        live = [rule_words(rule, names) for rule in host.json("-d", f"-{family}", "rule", "show")]
        wanted = [rule_words(rule, names) for rule in snapshot[f"rules{family}"]]
        if live != wanted:
            found += [f"IPv{family} rules: + {' | '.join(live)} - {' | '.join(wanted)}"]
    found += _link_differences(host.json("-d", "link"), snapshot["links"])
    addresses = _address_facts(host.json("-d", "addr"))
    return found + [f"addresses {facts}" for facts in sorted(addresses ^ _address_facts(snapshot["addrs"]))]


def table_numbers(snapshot: Json) -> dict[str, str]:
    """Names of tables to numbers, both as text: the built-in ones and the snapshot's own."""
    return {**_TABLES, **{name: number for number, name in snapshot.get("rt_tables", {}).items()}}


# --- links and addresses -------------------------------------------------------------------------


def _switch_off_autoconfiguration(host: Namespace, peers: Namespace) -> None:
    """Nothing may be tentative on the host, and the far ends shall be silent."""
    host.run("sh", "-c", "cd /proc/sys/net/ipv6/conf/default && echo 0 >accept_dad && echo 0 >accept_ra")
    peers.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")


def _kind(link: Json) -> str:
    return str(link.get("linkinfo", {}).get("info_kind", ""))


def _has_carrier(link: Json) -> bool:
    return "LOWER_UP" in link["flags"] or "UP" not in link["flags"]


def _load_links(host: Namespace, peers: Namespace, links: Sequence[Json]) -> None:
    """Far ends go up first: then the near ends have carrier from their first moment."""
    made = [link for link in links if link["ifname"] != "lo"]
    host.batch("\n".join(_link_words(link, number, peers.name) for number, link in enumerate(made)))
    pairs = [(number, link) for number, link in enumerate(made) if _kind(link) not in _MASTER_KINDS]
    peers.batch("\n".join(f"link set dev p-{number} up" for number, link in pairs if _has_carrier(link)))
    masters = {link["ifname"] for link in made if _kind(link) in _MASTER_KINDS}
    host.batch("\n".join(line for link in made for line in _setting_words(link, masters)))
    without = [link["ifname"] for link in made if link["ifname"] in masters and not _has_carrier(link)]
    if without:
        host.batch("\n".join(_lost_port_words(name) for name in without))


def _link_words(link: Json, number: int, peers: str) -> str:
    address = f"address {link['address']}" if link.get("address") else ""
    start = f"link add name {link['ifname']} {address}"
    if _kind(link) in _MASTER_KINDS:
        return f"{start} type bridge"
    return f"{start} mtu {link['mtu']} type veth peer name p-{number} netns {peers}"


def _setting_words(link: Json, masters: set[str]) -> list[str]:
    name = link["ifname"]
    group = link.get("group", "default")
    lines = [f"link set dev {name} addrgenmode none group {group} mtu {link['mtu']}"]
    if link.get("master") in masters:
        lines.append(f"link set dev {name} master {link['master']}")
    if "NOARP" in link["flags"]:
        lines.append(f"link set dev {name} arp off")
    return [*lines, f"link set dev {name} up"] if "UP" in link["flags"] else lines


def _lost_port_words(bridge: str) -> str:
    """A bridge has no carrier once it has lost its last port."""
    return (
        f"link add name lost type veth peer name lost-end\nlink set dev lost-end up\n"
        f"link set dev lost master {bridge}\nlink set dev lost up\nlink del dev lost"
    )


def _load_sysctls(host: Namespace, sysctls: Mapping[str, str]) -> None:
    lines = "".join(f"{key} {value}\n" for key, value in sysctls.items())
    host.run("sh", "-ec", 'while read -r key value; do echo "$value" >"/proc/sys/$key"; done', input=lines)


def _load_addresses(host: Namespace, addresses: Sequence[Json]) -> None:
    host.batch("\n".join(
        f"addr add {address_words(entry)} dev {link['ifname']}"
        for link in addresses for entry in link["addr_info"] if entry["local"] not in ("127.0.0.1", "::1")
    ))  # fmt: skip


def address_words(entry: Json) -> str:
    """The words after ``ip addr add`` for one entry of ``addr_info``, ``dev`` excepted.
    ``temporary`` is the kernel's own to set."""
    prefix = f"{entry.get('address', entry['local'])}/{entry['prefixlen']}"
    words = [entry["local"], "peer", prefix] if "address" in entry else [prefix]
    for key in ("broadcast", "scope", "metric"):
        if key in entry:
            words += [key, str(entry[key])]
    if ":" in str(entry.get("label", "")):
        words += ["label", entry["label"]]
    for key in ("valid_life_time", "preferred_life_time"):
        if entry.get(key, _FOREVER) != _FOREVER:
            words += [key.replace("_life_time", "_lft"), str(entry[key])]
    words += [flag for flag in ("noprefixroute", "mngtmpaddr") if entry.get(flag)]
    return " ".join([*words, "nodad"] if entry["family"] == "inet6" else words)


def _link_differences(live: Sequence[Json], wanted: Sequence[Json]) -> list[str]:
    """The stand-in of a tunnel has a MAC, which the tunnel has not."""
    standing = {link["ifname"]: link for link in live}
    found = []
    for link in wanted:
        has = standing.get(link["ifname"], {"flags": ()})
        differing = [key for key in ("ifname", "address", "mtu", "group") if key in link and has.get(key) != link[key]]
        differing += [flag for flag in ("UP", "LOWER_UP") if (flag in has["flags"]) != (flag in link["flags"])]
        found += [f"link {link['ifname']}: {key}" for key in differing]
    return found


def _address_facts(links: Sequence[Json]) -> set[str]:
    return {
        f"{link['ifname']} {entry['local']} {entry.get('address', '')}/{entry['prefixlen']} {entry['scope']}"
        f" {bool(entry.get('secondary')) and entry['family'] == 'inet'} {bool(entry.get('noprefixroute'))}"
        for link in links for entry in link["addr_info"]
    }  # fmt: skip


# --- routes --------------------------------------------------------------------------------------


def route_words(route: Json, tables: Mapping[str, str]) -> str:
    """The words after ``ip route add``, numbers for tables and protocols."""
    assert route.keys() <= _ROUTE_KEYS, f"a route that cannot be loaded: {route}"
    words = [] if route["type"] == "unicast" else [route["type"]]
    words += [route["dst"], *(("from", route["from"]) if "from" in route else ()), *_hop_words(route)]
    table = str(route.get("table", "main"))
    words += ["table", tables.get(table, table), "proto", _PROTOCOLS.get(route["protocol"], route["protocol"])]
    if route.get("scope", "global") != "global":
        words += ["scope", route["scope"]]
    for key in ("metric", "prefsrc", "tos", "expires", "pref"):
        if key in route:
            words += ["src" if key == "prefsrc" else key, str(route[key])]
    for metrics in route.get("metrics", ()):
        words += [str(word) for pair in metrics.items() for word in pair]
    for hop in route.get("nexthops", ()):
        words += ["nexthop", *_hop_words(hop), "weight", str(hop["weight"])]
    return " ".join(words)


def _hop_words(hop: Json) -> list[str]:
    words = ["via", hop["gateway"]] if "gateway" in hop else []
    if "via" in hop:
        words = ["via", hop["via"]["family"], hop["via"]["host"]]
    if "dev" in hop:
        words += ["dev", hop["dev"]]
    return [*words, "onlink"] if "onlink" in hop.get("flags", ()) else words


def _route_facts(route: Json) -> str:
    """A route's words without what counts down, with the flag that says "no carrier"."""
    kept = {key: value for key, value in route.items() if key not in _NOT_COMPARED}
    flags = [flag for leg in (route, *route.get("nexthops", ())) for flag in leg.get("flags", ()) if flag == "linkdown"]
    return " ".join([route_words(kept, {}), *flags])


def _grouped(routes: Sequence[Json], tables: Mapping[str, str]) -> Groups:
    """Routes that compete: same table, destination and preference. Their order decides, except among
    local routes (two VLANs of one MAC have the same fe80 address): any of them means the host."""
    groups: Groups = {}
    for route in routes:
        table = str(route.get("table", "main"))
        alone = str(route.get("dev")) if route["type"] == "local" else ""
        key = (tables.get(table, table), route["dst"], str(route.get("tos", 0)), str(route.get("metric", 0)), alone)
        groups.setdefault(key, []).append({**route, "table": tables.get(table, table)})
    return groups


def _differing(live: Groups, wanted: Groups) -> Iterator[tuple[list[Json], list[Json]]]:
    """What the kernel has and what the snapshot wants, for each group that is not the same in both."""
    for key in {**live, **wanted}:
        has, wants = live.get(key, []), wanted.get(key, [])
        if [_route_facts(route) for route in has] != [_route_facts(route) for route in wants]:
            yield has, wants


def _route_differences(family: int, live: Groups, wanted: Groups) -> list[str]:
    return [
        f"IPv{family} route: + {' | '.join(map(_route_facts, has))} - {' | '.join(map(_route_facts, wants))}"
        for has, wants in _differing(live, wanted)
    ]


def _load_routes(host: Namespace, family: int, snapshot: Json) -> None:
    """The kernel made its own routes with the addresses. Where a group of competing routes is not
    the snapshot's, in its order, it is made anew, after what it needs."""
    tables = table_numbers(snapshot)
    wanted = _grouped(snapshot[f"routes{family}"], tables)
    live = _kernels_routes(host, family, tables, wanted)
    changed = list(_differing(live, wanted))
    surplus = [f"route del {_deletion_words(route)}" for has, _ in changed for route in has]
    missing = [route for _, wants in changed for route in wants]
    missing.sort(key=_needs)
    host.batch("\n".join([*surplus, *(f"route append {route_words(route, {})}" for route in missing)]), family=family)


def _kernels_routes(host: Namespace, family: int, tables: Mapping[str, str], wanted: Groups) -> Groups:
    """What there is, when the kernel has made its routes to the host's addresses: for IPv6 a moment after the address.
    One made by hand before that would stay beside it."""
    own = {key for key, routes in wanted.items() if any(_is_own(route) for route in routes)}
    deadline = time.monotonic() + 1
    while True:
        live = _grouped(host.json("-d", f"-{family}", "route", "show", "table", "all"), tables)
        if own <= live.keys() or time.monotonic() > deadline:
            return live
        time.sleep(0.02)


def _is_own(route: Json) -> bool:
    return route["type"] in ("local", "anycast", "multicast") and route["protocol"] == "kernel"


def _needs(route: Json) -> int:
    """A source must be local, and a gateway reachable, before a route may name it."""
    if "gateway" in route or "via" in route or "nexthops" in route:
        return 2
    return 0 if route["type"] == "local" else 1


def _deletion_words(route: Json) -> str:
    return route_words({key: value for key, value in route.items() if key not in _NOT_COMPARED}, {})


# --- rules ---------------------------------------------------------------------------------------


def rule_words(rule: Json, tables: Mapping[str, str]) -> str:
    """The words after ``ip rule add``, numbers for tables and protocols."""
    assert rule.keys() <= _RULE_KEYS, f"a rule that cannot be loaded: {rule}"
    words = ["pref", str(rule["priority"]), *(["not"] if "not" in rule else [])]
    words += ["from", _prefix(rule, "src"), *(["to", _prefix(rule, "dst")] if "dst" in rule else [])]
    if "fwmark" in rule:
        words += ["fwmark", f"{rule['fwmark']}/{rule['fwmask']}" if "fwmask" in rule else rule["fwmark"]]
    words += [str(word) for key in ("tos", "iif", "oif", "ipproto") if key in rule for word in (key, rule[key])]
    if "uid_start" in rule:
        words += ["uidrange", f"{rule['uid_start']}-{rule['uid_end']}"]
    for port in ("sport", "dport"):
        if port in rule:
            words += [port, str(rule[port])]
        elif f"{port}_start" in rule:
            words += [port, f"{rule[f'{port}_start']}-{rule[f'{port}_end']}"]
    words += [*_action_words(rule, tables), "protocol"]
    return " ".join([*words, _PROTOCOLS.get(rule["protocol"], str(rule["protocol"]))])


def _prefix(rule: Json, end: str) -> str:
    return f"{rule[end]}/{rule[f'{end}len']}" if f"{end}len" in rule else str(rule.get(end, "all"))


def _action_words(rule: Json, tables: Mapping[str, str]) -> list[str]:
    if "goto" in rule:
        return ["goto", str(rule["goto"])]
    if "action" in rule or "nop" in rule:
        return [rule.get("action", "nop")]
    words = ["l3mdev"] if "l3mdev" in rule else ["lookup", tables.get(str(rule["table"]), str(rule["table"]))]
    if "suppress_prefixlen" in rule:
        words += ["suppress_prefixlength", str(rule["suppress_prefixlen"])]
    return [*words, "suppress_ifgroup", rule["suppress_ifgroup"]] if "suppress_ifgroup" in rule else words


def _load_rules(host: Namespace, family: int, snapshot: Json) -> None:
    """Every rule anew where the kernel's three are not the snapshot's first, in its order."""
    tables = table_numbers(snapshot)
    wanted = [rule_words(rule, tables) for rule in snapshot[f"rules{family}"]]
    live = [rule_words(rule, tables) for rule in host.json("-d", f"-{family}", "rule", "show")]
    surplus = [f"rule del {words}" for words in live if words not in wanted]
    missing = [f"rule add {words}" for words in wanted if words not in live]
    # Additions first: without any rule for `local` the kernel would not know its own addresses.
    host.batch("\n".join([*missing, *surplus]), family=family)


def _wait_until_equal(host: Namespace, snapshot: Json) -> None:
    """Loss of carrier reaches the routes up to a second later; everything else is there at once."""
    deadline = time.monotonic() + 2.5
    while found := differences(host, snapshot):
        assert time.monotonic() < deadline, "the stand-in differs from the snapshot:\n" + "\n".join(found)
        time.sleep(0.05)
