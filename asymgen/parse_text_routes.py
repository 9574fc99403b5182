"""``ip -d route show table all`` as text into the objects of ``ip -j -d``.

Source: iproute2 ip/iproute.c (print_route), ip/iproute_lwtunnel.c; BusyBox libiproute/iproute.c.
"""

from __future__ import annotations

from typing import Any

from asymgen.model import RouteType
from asymgen.parse_fields import MalformedError, number_of

Entry = dict[str, Any]

_TYPES = frozenset(kind.value for kind in RouteType)
_KEYS = {"src": "prefsrc", "proto": "protocol", "tos": "tos", "dsfield": "tos"} | {
    word: word for word in ("from", "dev", "table", "scope", "pref", "weight", "nhid")
}
"""Words with a value, and the key of JSON."""
_PASSED_OVER = frozenset(
    ("realm", "realms", "expires", "error", "iif", "mark", "ttl-propagate", "users", "used", "age")
)
_METRICS = frozenset(
    (
        "mtu", "window", "rtt", "rttvar", "ssthresh", "cwnd", "advmss", "reordering", "hoplimit", "initcwnd",
        "features", "rto_min", "initrwnd", "quickack", "congctl", "fastopen_no_cookie",
    )
)  # fmt: skip
_FLAGS = frozenset(
    (
        "dead", "onlink", "pervasive", "offload", "trap", "notify", "linkdown", "unresolved", "offload_failed",
        "rt_offload", "rt_trap", "rt_offload_failed",
    )
)  # fmt: skip
_FAMILIES = ("inet", "inet6")


def route_objects(text: str, key: str) -> list[Entry]:
    """The objects of ``ip -j -d route``. Raises MalformedError."""
    found: list[Entry] = []
    for line in text.split("\n"):
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        try:
            if line.startswith("\t"):
                _read_leg(words, found)
            elif words:
                found.append(_route(words))
        except (ValueError, IndexError) as problem:
            raise MalformedError(key, line, str(problem) or "a value behind each word") from None
    return found


def _read_leg(words: list[str], routes: list[Entry]) -> None:
    """``nexthop …`` of the last route; ``nh_info …`` is the same once more, of a nexthop object."""
    if not routes or words[:1] not in (["nexthop"], ["nh_info"]):
        raise ValueError("nexthop, behind a route")
    if words[0] == "nexthop":
        routes[-1].setdefault("nexthops", []).append(_read(words[1:], {"flags": []}))


def _route(words: list[str]) -> Entry:
    kind = words.pop(0) if words[0] in _TYPES else "unicast"
    return _read(words[1:], {"type": kind, "dst": words[0], "flags": []})


def _read(words: list[str], entry: Entry) -> Entry:
    """``entry`` with what ``words`` say. Raises ValueError and IndexError."""
    words.reverse()  # from the end: pop() takes the next one
    while words:
        word = words.pop()
        if word == "metric":
            entry["metric"] = _metric(words.pop())
        elif word in _KEYS:
            entry[_KEYS[word]] = words.pop()
        elif word == "via":
            _read_gateway(words, entry)
        elif word in _METRICS:
            _read_metric(word, words, entry)
        elif word in _FLAGS:
            entry["flags"].append(word)
        elif word in ("encap", "tunnel"):  # "tunnel" before iproute2 4.4
            _pass_over_encapsulation(words)
        elif word == "as":  # "as to ADDRESS": RTA_NEWDST of MPLS
            words.pop(), words.pop()
        elif word in _PASSED_OVER:
            words.pop()
        else:
            raise ValueError(f"no word {word!a} in a route")
    return entry


def _metric(value: str) -> str:
    """BusyBox prints it as a signed number: -16769024 for 4278198272."""
    return str(int(value) % (1 << 32)) if value.startswith("-") else value


def _read_gateway(words: list[str], entry: Entry) -> None:
    value = words.pop()
    if value in _FAMILIES:
        entry["via"] = {"family": value, "host": words.pop()}
    else:
        entry["gateway"] = value


def _read_metric(word: str, words: list[str], entry: Entry) -> None:
    if words[-1] == "lock":
        words.pop()
    value = words.pop()
    while word == "features" and words and (words[-1] == "tcp_usec_ts" or words[-1].startswith("0x")):
        words.pop()
    if word == "mtu":
        entry["metrics"] = [{"mtu": number_of(value)}]


def _pass_over_encapsulation(words: list[str]) -> None:
    """Its words are many, and end where the leg begins: the kernel has none without a device."""
    while words and words[-1] not in ("via", "dev"):
        words.pop()
    if not words:
        raise ValueError("a device behind an encapsulation")
