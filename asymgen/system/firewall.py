"""Device groups that firewall rules match: asymgen must not put an interface into one of those.

Sources: nft(8) META EXPRESSIONS, libnftables-json(5), iptables-extensions(8) devgroup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from asymgen.system.commands import Runner

NFT = ("nft", "-j", "list", "ruleset")

_META_KEYS = ("iifgroup", "oifgroup")
_DEVGROUP = re.compile(r"--(?:src|dst)-group (\S+)")
_WIDEST_RANGE = 4096


def read_firewall_groups(run: Runner, group_names: Mapping[str, str]) -> tuple[list[int], tuple[str, ...]]:
    """The groups, and notes on what could not be read."""
    numbers = {name: int(number) for number, name in group_names.items()}
    found: set[int] = set()
    notes = []
    for argv, read in _READERS.items():
        if not run.has(argv[0]):
            continue
        result = run.run(argv, check=False)
        if result.returncode != 0:
            why = result.last_error_line or f"exit code {result.returncode}"
            notes.append(f"{argv[0]} did not answer ({why}): device groups that it matches may be taken by asymgen.")
            continue
        found.update(read(result.stdout, numbers))
    return sorted(found), tuple(notes)


def nft_groups(output: str, numbers: Mapping[str, int]) -> Iterator[int]:
    """Groups in the JSON of ``nft -j list ruleset``."""
    try:
        ruleset = json.loads(output or "{}", strict=False)
    except ValueError:  # some builds of nft print text all the same
        return
    for beside in _beside_groups(ruleset):
        yield from _values(beside, numbers)


def _beside_groups(node: Any) -> Iterator[Any]:
    """What stands beside a group, anywhere in ``node``: the right side of a match, the elements of a set
    or map of groups, the keys of a verdict map."""
    if isinstance(node, list):
        for item in node:
            yield from _beside_groups(item)
    elif isinstance(node, dict):
        if _mentions_group(node.get("left")):
            yield node.get("right")
        if _mentions_group(node.get("key")):
            yield _keys_of(node.get("data"))
        if "devgroup" in _as_list(node.get("type")):
            yield _keys_of(node.get("elem")) if "map" in node else node.get("elem")
        for item in node.values():
            yield from _beside_groups(item)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _keys_of(data: Any) -> list[Any]:
    """The keys of a map's elements, each of which is a pair."""
    pairs = data.get("set") if isinstance(data, dict) else data
    return [pair[0] for pair in _as_list(pairs) if isinstance(pair, list) and pair]


def _mentions_group(node: Any) -> bool:
    if isinstance(node, dict):
        meta = node.get("meta")
        if isinstance(meta, dict) and meta.get("key") in _META_KEYS:
            return True
        return any(map(_mentions_group, node.values()))
    return isinstance(node, list) and any(map(_mentions_group, node))


def _values(node: Any, numbers: Mapping[str, int]) -> Iterator[int]:
    if isinstance(node, list):
        for item in node:
            yield from _values(item, numbers)
    elif isinstance(node, dict):
        if "range" in node:
            yield from _range(node["range"], numbers)
        for key in ("set", "concat", "elem", "val"):  # nothing else of an element is a group: timeouts, comments
            yield from _values(node.get(key), numbers)
    else:
        number = _number(node, numbers)
        if number is not None:
            yield number


def _range(ends: Any, numbers: Mapping[str, int]) -> Iterator[int]:
    found = [_number(end, numbers) for end in _as_list(ends)]
    if len(found) == 2 and found[0] is not None and found[1] is not None:
        yield from range(found[0], min(found[1], found[0] + _WIDEST_RANGE) + 1)


def _number(value: Any, numbers: Mapping[str, int]) -> int | None:
    if isinstance(value, str):
        try:
            return numbers[value] if value in numbers else int(value, 0)
        except ValueError:
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def iptables_groups(output: str, numbers: Mapping[str, int]) -> Iterator[int]:
    """Groups in what iptables-save prints: ``-m devgroup --src-group 0x10`` (a mask is left out)."""
    for word in _DEVGROUP.findall(output):
        number = _number(word.partition("/")[0], numbers)
        if number is not None:
            yield number


_READERS = {
    NFT: nft_groups,
    ("iptables-save",): iptables_groups,
    ("ip6tables-save",): iptables_groups,
}
