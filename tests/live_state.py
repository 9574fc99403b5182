"""What a kernel holds of ours, read back and compared with what was wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from asymgen.detection import Detection
from asymgen.model import PROTOCOL, Host, Route, RouteType, Rule
from asymgen.parse import parse_host
from tests.namespaces import Namespace


def live_host(host: Namespace) -> Host:
    """What the kernel holds now."""
    objects = {
        "links": ("link",), "addrs": ("addr",), "rules4": ("-4", "rule"), "rules6": ("-6", "rule"),
        "routes4": ("-4", "route", "show", "table", "all"), "routes6": ("-6", "route", "show", "table", "all"),
    }  # fmt: skip
    snapshot = {key: host.json("-d", *words) for key, words in objects.items()}
    return parse_host({**snapshot, "os_release": {}}, origin="the namespace")


def bare_rules(rules: Iterable[Rule]) -> list[str]:
    """Comparable: without the protocol, which networkd does not let us choose."""
    return sorted(str(replace(rule, protocol=0)) for rule in rules)


def bare_routes(routes: Iterable[Route]) -> list[str]:
    """Comparable: IPv6 shows a device where a route has none; metrics differ between the families; our gateways
    are all said to be on-link; whether a link has carrier just now is not the route's doing."""
    found = []
    for route in routes:
        hops = tuple(
            replace(hop, onlink=False, linkdown=False, dead=False)
            for hop in route.nexthops
            if route.type is RouteType.UNICAST
        )
        metric = 0 if route.family == 6 else route.metric
        found.append(str(replace(route, nexthops=hops, metric=metric, scope="")))
    return sorted(found)


def not_as_wanted(host: Namespace, before: Host, detection: Detection) -> list[str]:
    """What the kernel has of ours and should not ("+"), and the other way round ("-")."""
    now = live_host(host)
    theirs = bare_rules(before.rules)
    has = [line for line in bare_rules(now.rules) if line not in theirs]
    has += bare_routes(route for route in now.routes if route.protocol == PROTOCOL)
    has += [f"{link.name} {link.group}" for link in now.links if link.group]
    wants = bare_rules(detection.state.rules) + bare_routes(detection.state.routes)
    groups = {link.name: link.group for link in before.links if link.group}
    groups.update({member.interface: member.group for member in detection.state.groups})
    wants += [f"{name} {group}" for name, group in groups.items()]
    return [f"+ {line}" for line in has if line not in wants] + [f"- {line}" for line in wants if line not in has]
