"""JSON with line breaks, as ``json.dumps(indent=…)`` writes it, but by Python's encoder in C. Pure.

That encoder breaks no lines. But it writes any text between two members: here a comma, a line break and the white
space behind it. No string in JSON holds a bare line break, so wherever one is found, it stands between members.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_CONTAINERS = (dict, list, tuple)


def to_json(value: Any, *, indent: int = 2, sort_keys: bool = False) -> str:
    """``value``, whose objects have texts as keys. Pure ASCII."""
    return _Writer(" " * indent, sort_keys=sort_keys).text(value, "\n")


class _Writer:
    """``line`` is the line break with the white space in front of what is written."""

    def __init__(self, step: str, *, sort_keys: bool) -> None:
        self._step = step
        self._sort_keys = sort_keys
        self._encoders: dict[str, Callable[[Any], str]] = {}

    def text(self, value: Any, line: str) -> str:
        if not _is_nested(value):
            return json.dumps(value)
        if isinstance(value, dict):
            return self._object(value, line)
        if all(map(_is_plain_object, value)):
            return self._plain_objects(value, line)
        return self._list(value, line)

    def _object(self, value: Mapping[str, Any], line: str) -> str:
        nested = {key: member for key, member in value.items() if _is_nested(member)}
        keys = sorted(value) if self._sort_keys else list(value)
        places = {keys.index(key): member for key, member in nested.items()}
        return "{" + self._members({**value, **dict.fromkeys(nested, 0)}, places, line) + "}"

    def _list(self, value: Sequence[Any], line: str) -> str:
        places = {place: member for place, member in enumerate(value) if _is_nested(member)}
        stubs = [0 if place in places else member for place, member in enumerate(value)]
        return "[" + self._members(stubs, places, line) + "]"

    def _members(self, plain: Any, nested: Mapping[int, Any], line: str) -> str:
        """All members, each on a line. In ``plain`` a 0 stands for those that are ``nested``, by their places."""
        deeper = line + self._step
        text = self._encoded(plain, deeper)[1:-1]
        if nested:
            texts = text.split(f",{deeper}")
            for place, member in nested.items():
                texts[place] = texts[place][:-1] + self.text(member, deeper)
            text = f",{deeper}".join(texts)
        return f"{deeper}{text}{line}"

    def _plain_objects(self, value: Sequence[Any], line: str) -> str:
        """A list of objects in one piece: what is written between two of them can stand nowhere else."""
        outer, inner = line + self._step, line + 2 * self._step
        text = self._encoded(value, inner)[2:-2].replace(f"}},{inner}{{", f"{outer}}},{outer}{{{inner}")
        return f"[{outer}{{{inner}{text}{outer}}}{line}]"

    def _encoded(self, value: Any, line: str) -> str:
        """``value`` by the encoder in C, a comma and ``line`` between any two members."""
        if line not in self._encoders:
            encoder = json.JSONEncoder(separators=(f",{line}", ": "), sort_keys=self._sort_keys)
            self._encoders[line] = encoder.encode
        return self._encoders[line](value)


def _is_nested(member: Any) -> bool:
    return bool(member) and isinstance(member, _CONTAINERS)


def _is_plain_object(value: Any) -> bool:
    return (
        bool(value)
        and isinstance(value, dict)
        and not any(isinstance(member, _CONTAINERS) and member for member in value.values())
    )
