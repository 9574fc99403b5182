"""``ip -d link`` and ``ip addr`` as text into the objects of ``ip -j -d``.

A name may hold ``@``, after which ip(8) prints the lower device: /sys/class/net says which name an index has. It also
shows what is no interface at all, for an alias (ip-link(8)) may have line ends in it.

Source: iproute2 ip/ipaddress.c (print_linkinfo, print_addrinfo), BusyBox libiproute/ipaddress.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asymgen.parse_fields import MalformedError, number_of

Entry = dict[str, Any]

_HEAD_WORDS = frozenset(("mtu", "qdisc", "master", "vrf", "state", "mode", "group", "qlen"))
_NO_KIND = frozenset(("vf", "prog/xdp", "altname", "nf_offload"))
_ADDRESS_FLAGS = frozenset(
    (
        "secondary", "temporary", "tentative", "deprecated", "home", "nodad", "mngtmpaddr", "managetempaddr",
        "noprefixroute", "autojoin", "dynamic", "dadfailed", "optimistic", "stable-privacy",
    )
)  # fmt: skip
_FOREVER = 0xFFFFFFFF


class Sysfs:
    """What the script brought from /sys/class/net; empty where that is not mounted."""

    def __init__(self, files: Mapping[str, Any]) -> None:
        self._facts: dict[str, dict[str, str]] = {}
        for path, text in files.items():
            words = path.split("/")
            if path.startswith("/sys/class/net/") and len(words) == 6 and isinstance(text, str):
                self._facts.setdefault(words[4], {})[words[5]] = text.strip("\n")
        self._names = {facts.get("ifindex"): name for name, facts in self._facts.items()}
        self._absent: dict[str, None] = {}

    @property
    def notes(self) -> list[str]:
        """About interfaces that were left out."""
        return [
            f"{shown!a} was listed, but is not in /sys/class/net: it came or went meanwhile, and was left out."
            for shown in self._absent
        ]

    def is_there(self, index: str, shown: str) -> bool:
        """Whether /sys/class/net has interface number ``index``; True where nothing tells."""
        if not self._names or index in self._names:
            return True
        self._absent[shown] = None
        return False

    def split(self, index: str, shown: str) -> tuple[str, str]:
        """``NAME@LOWER`` as these two. Raises ValueError where nothing tells where the name ends."""
        name = self._names.get(index)
        if name is None:
            parts = shown.split("@")
            if len(parts) > 2:
                raise ValueError
            return parts[0], "".join(parts[1:])
        if shown != name and not shown.startswith(f"{name}@"):
            raise ValueError
        return name, shown[len(name) + 1 :]

    def completed(self, link: Entry) -> Entry:
        """``link`` with the kind and group that BusyBox does not print."""
        facts = self._facts.get(link["ifname"], {})
        kind = "tun" if facts.get("tun_flags") else facts.get("uevent", "").partition("DEVTYPE=")[2]
        found = {"linkinfo": {"info_kind": kind}} if kind else {}
        return {"group": facts.get("netdev_group", "default"), **found, **link}


def link_objects(text: str, sysfs: Sysfs) -> list[Entry]:
    """The objects of ``ip -j -d link``. Raises MalformedError."""
    found = []
    for head, lines in _blocks(text, "links", sysfs):
        link = dict(head)
        _read_details(link, lines)
        found.append(sysfs.completed(link))
    return found


def address_objects(text: str, sysfs: Sysfs) -> list[Entry]:
    """The objects of ``ip -j addr``. Raises MalformedError."""
    found = []
    for head, lines in _blocks(text, "addrs", sysfs):
        entries: list[Entry] = []
        for line in lines:
            words = [word for word in line.split(" ") if word]
            if words[:1] in (["inet"], ["inet6"]):
                entries.append(_address(words, line))
            elif words[:1] == ["valid_lft"] and entries:
                entries[-1]["valid_life_time"] = _lifetime(words, line)
            elif not words or not words[0].startswith("link/"):
                raise MalformedError("addrs", line, "a line with inet, inet6, valid_lft or link/")
        found.append({**head, "addr_info": entries})
    return found


def _blocks(text: str, key: str, sysfs: Sysfs) -> list[tuple[Entry, list[str]]]:
    """Each interface: what its first line says, and its other lines."""
    blocks: list[tuple[Entry, list[str]]] = []
    known = set()
    for line in text.split("\n"):
        if line.startswith("    ") and blocks:
            blocks[-1][1].append(line)
        elif line:
            head = _head(line, key, sysfs)
            if head and head["ifindex"] in known:
                raise MalformedError(key, line, "each interface once")
            known.add(head.get("ifindex"))
            blocks.append((head, []))
    return [block for block in blocks if block[0]]


def _head(line: str, key: str, sysfs: Sysfs) -> Entry:
    """The first line of an interface; empty where there is no such interface."""
    index, _, rest = line.partition(": ")
    shown, _, rest = rest.partition(": ")
    flags, closed, rest = rest.partition("> ")
    if not index.isdecimal() or not shown or not flags.startswith("<") or not closed:
        raise MalformedError(key, line, "INDEX: NAME: <FLAGS> …")
    if not sysfs.is_there(index, shown):
        return {}
    try:
        name, lower = sysfs.split(index, shown)
    except ValueError:
        raise MalformedError(key, line, f"the name that /sys/class/net has for interface {index}") from None
    found: Entry = {"ifindex": int(index), "ifname": name, "flags": [flag for flag in flags[1:].split(",") if flag]}
    if lower and lower != "NONE" and not (lower.startswith("if") and lower[2:].isdecimal()):
        found["link"] = lower
    words = [word for word in rest.split(" ") if word and not word.startswith("xdp")]
    pairs = dict(zip(words[::2], words[1::2]))
    if len(words) % 2 or not pairs.keys() <= _HEAD_WORDS:
        raise MalformedError(key, line, f"pairs of words, each with one of {', '.join(sorted(_HEAD_WORDS))}")
    return {**found, **{word: pairs[word] for word in ("mtu", "master", "group") if word in pairs}}


def _read_details(link: Entry, lines: list[str]) -> None:
    """The MAC, the kind and a VLAN's id. What stands behind an alias is not read: that may hold any text."""
    for line in lines:
        words = [word for word in line.split(" ") if word]
        first = words[0] if words else ""
        if first == "alias":
            return
        if first.startswith("link/"):
            if len(words) > 1 and (":" in words[1] or "." in words[1]):
                link["address"] = words[1]
        elif first and "linkinfo" not in link and first not in _NO_KIND and not first.endswith("_slave"):
            identifier = dict(zip(words, words[1:])).get("id") if first == "vlan" else None
            data = {"info_data": {"id": number_of(identifier)}} if identifier else {}
            link["linkinfo"] = {"info_kind": first, **data}


def _address(words: list[str], line: str) -> Entry:
    """``inet ADDRESS[ peer ADDRESS]/LENGTH … scope SCOPE FLAG… [LABEL]``"""
    rest = list(words)
    family, local = rest.pop(0), rest.pop(0) if len(words) > 1 else ""
    entry: Entry = {"family": family}
    if rest[:1] == ["peer"] and len(rest) > 1:
        entry["local"] = local
        entry["address"], _, length = rest[1].partition("/")
        del rest[:2]
    else:
        entry["local"], _, length = local.partition("/")
    entry["prefixlen"] = length or (32 if family == "inet" else 128)
    while rest and rest[0] in ("brd", "any", "metric", "scope", "proto"):
        if rest[0] == "scope":
            entry["scope"] = "".join(rest[1:2])
        del rest[:2]
    if family == "inet" and rest:
        entry["label"] = rest.pop()  # which may be called as a flag is
    while rest and rest[0] in (*_ADDRESS_FLAGS, "flags", "proto"):
        word = rest.pop(0)
        if word in ("flags", "proto"):
            rest[:1] = []
        else:
            entry[word] = True
    if rest or "scope" not in entry:
        raise MalformedError("addrs", line, "an address with its scope and known flags")
    return entry


def _lifetime(words: list[str], line: str) -> int:
    value = "".join(words[1:2])
    seconds = number_of(value.removesuffix("sec")) if value != "forever" else _FOREVER
    if seconds is None:
        raise MalformedError("addrs", line, "valid_lft SECONDSsec or forever")
    return seconds
