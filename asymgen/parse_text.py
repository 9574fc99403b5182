"""The plain text of ip(8) as the objects of ``ip -j -d``, for hosts whose ip(8) prints no JSON. Pure.

iproute2 before 4.14 knows no ``-j``, 4.14 to 4.16 only for some objects, BusyBox for none. A word that stands where
none is expected is refused with its line: nothing is guessed.

Source: iproute2 ip/ipaddress.c, ip/iproute.c, ip/iprule.c (4.9 to 6.15); BusyBox networking/libiproute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from asymgen.errors import InputError
from asymgen.parse_fields import MalformedError
from asymgen.parse_text_links import Sysfs, address_objects, link_objects
from asymgen.parse_text_routes import route_objects
from asymgen.parse_text_rules import rule_objects

_HINT = "Collect again; if it stays, run asymgen itself on that host: asymgen snapshot --reader netifaces"
_BUSYBOX = "BusyBox"

Entry = dict[str, Any]


def read_texts(snapshot: Mapping[str, Any], *, origin: str) -> dict[str, Any]:
    """``snapshot`` of the script with objects in place of texts, and notes on what texts do not tell.
    Raises InputError."""
    found = dict(snapshot)
    given = {key: value for key, value in snapshot.items() if key in _READERS and isinstance(value, str)}
    if not given:
        return found
    sysfs = Sysfs(_files(snapshot))
    try:
        found.update({key: _READERS[key](text, sysfs) for key, text in given.items()})
    except MalformedError as problem:
        raise InputError(f"{origin}: {problem}", hint=_HINT) from None
    is_busybox = str(snapshot.get("iproute2", "")).startswith(_BUSYBOX)
    notes = snapshot.get("notes", [])
    if isinstance(notes, list):  # else parse_host refuses it
        found["notes"] = [*notes, *(_busybox_notes(found) if is_busybox else (_NOTE,)), *sysfs.notes]
    return _with_hidden_selectors(found) if is_busybox else found


def _files(snapshot: Mapping[str, Any]) -> Mapping[str, Any]:
    collected = snapshot.get("collected")
    files = collected.get("files") if isinstance(collected, dict) else None
    return files if isinstance(files, dict) else {}


_READERS: Mapping[str, Callable[[str, Sysfs], list[Entry]]] = {
    "links": link_objects,
    "addrs": address_objects,
    "routes4": lambda text, _: route_objects(text, "routes4"),
    "routes6": lambda text, _: route_objects(text, "routes6"),
    "rules4": lambda text, _: rule_objects(text, "rules4"),
    "rules6": lambda text, _: rule_objects(text, "rules6"),
}

# --- what BusyBox does not show (tried, 1.35) --------------------------------------------------------

_NOTE = "The ip(8) of that host prints no JSON: its text was read."
_HIDDEN = "what BusyBox does not show"
_STANDARD = ((0, "local"), (32766, "main"), (32767, "default"))


def _busybox_notes(found: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "Read from the text of BusyBox's ip. Not seen: who made a route or rule, MTU and TOS of routes, gateways of "
        "the other family, far ends of IPv6 addresses, ids of VLANs, kinds of some interfaces, and of rules: not, oif, "
        "uidrange, ipproto, ports, goto's target."
    )
    yield (
        "What follows: every rule but the kernel's own three counts as one that may match or not; what asymgen "
        "made itself is not recognised. What is written calls ip(8) of iproute2: with BusyBox's alone nothing of it "
        "works."
    )
    without = [
        str(route["dst"])
        for key in ("routes4", "routes6") if isinstance(found.get(key), list)
        for route in found[key] if isinstance(route, dict) and route.get("type") == "unicast" and "dev" not in route
    ]  # fmt: skip
    if without:
        yield f"Routes with several next hops, none of which it shows: {', '.join(without)}"


def _with_hidden_selectors(found: dict[str, Any]) -> dict[str, Any]:
    """Each rule that may have a selector that was not shown gets one that nobody knows."""

    def marked(rule: Entry) -> Entry:
        plain = rule.keys() == {"priority", "src", "table"} and rule["src"] == "all"
        return rule if plain and (rule["priority"], rule["table"]) in _STANDARD else {**rule, _HIDDEN: True}

    texts = [key for key in ("rules4", "rules6") if isinstance(found.get(key), list)]
    return {**found, **{key: [marked(rule) for rule in found[key]] for key in texts}}
