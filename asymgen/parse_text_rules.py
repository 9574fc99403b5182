"""``ip -d rule show`` as text into the objects of ``ip -j -d``.

Source: iproute2 ip/iprule.c (print_rule); BusyBox libiproute/iprule.c, which prints the table and, where that is none,
the name of the route type with the action's number: ``lookup unspec unreachable``.
"""

from __future__ import annotations

from typing import Any

from asymgen.parse_fields import MalformedError

Entry = dict[str, Any]

_KEYS = {
    "from": "src", "to": "dst", "tos": "tos", "dsfield": "tos", "iif": "iif", "oif": "oif", "ipproto": "ipproto",
    "tun_id": "tun_id", "suppress_prefixlength": "suppress_prefixlen", "suppress_ifgroup": "suppress_ifgroup",
    "goto": "goto", "proto": "protocol", "realms": "flow_to", "map-to": "nat_gateway",
}  # fmt: skip
_RANGES = {"uidrange": "uid", "sport": "sport", "dport": "dport"}
_ACTIONS = ("blackhole", "unreachable", "prohibit")
_ACTION_NUMBERS = {"local": ("goto", "none"), "broadcast": ("nop", None)}
"""FR_ACT_GOTO and FR_ACT_NOP by the names that BusyBox has for their numbers, 2 and 3."""
_NO_TABLE = "unspec"


def rule_objects(text: str, key: str) -> list[Entry]:
    """The objects of ``ip -j -d rule``. Raises MalformedError."""
    found = []
    for line in text.split("\n"):
        if line:
            try:
                found.append(_rule(line))
            except (ValueError, IndexError) as problem:
                raise MalformedError(key, line, str(problem) or "a value behind each word") from None
    return found


def _rule(line: str) -> Entry:
    priority, colon, rest = line.partition(":\t")
    if not colon or not priority.isdecimal():
        raise ValueError("PRIORITY: and a rule")
    entry: Entry = {"priority": int(priority)}
    words = [word for word in rest.split(" ") if word][::-1]  # from the end: pop() takes the next one
    while words:
        _read_word(words.pop(), words, entry)
    if "src" not in entry:
        raise ValueError("from PREFIX, or from all")
    return entry


def _read_word(word: str, words: list[str], entry: Entry) -> None:
    if word in _KEYS:
        entry[_KEYS[word]] = words.pop()
    elif word == "lookup":
        _read_table(words, entry)
    elif word == "fwmark":
        mark, slash, mask = words.pop().partition("/")
        entry.update({"fwmark": mark, **({"fwmask": mask} if slash else {})})
    elif word in _RANGES:
        _read_range(_RANGES[word], words.pop(), entry)
    elif word in _ACTIONS:
        entry["action"] = word
    elif word in ("not", "nop", "masquerade"):
        entry[word] = None
    elif word == "[unresolved]":
        entry["unresolved"] = None
    elif word == "[detached]" and ("iif" in entry or "oif" in entry):
        entry["oif_detached" if "oif" in entry else "iif_detached"] = None
    else:
        raise ValueError(f"no word {word!a} in a rule")


def _read_table(words: list[str], entry: Entry) -> None:
    table = words.pop()
    if table == "[l3mdev-table]":
        entry["l3mdev"] = None
    elif table != _NO_TABLE:
        entry["table"] = table
    elif not words:
        entry["l3mdev"] = None  # only such a rule looks up no table of its own: net/core/fib_rules.c
    elif words[-1] in _ACTION_NUMBERS:
        key, value = _ACTION_NUMBERS[words.pop()]
        entry[key] = value


def _read_range(name: str, value: str, entry: Entry) -> None:
    first, dash, last = value.partition("-")
    if dash or name == "uid":
        entry.update({f"{name}_start": first, f"{name}_end": last})
    else:
        entry[name] = first
