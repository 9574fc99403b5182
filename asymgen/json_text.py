"""JSON with line breaks, as ``json.dumps(indent=…)`` writes it, but by Python's encoder in C. Pure.

That encoder breaks no lines. But it writes any text between two members: here a comma, a line break and the white
space behind it. No string in JSON holds a bare line break, so wherever one is found, it stands between members.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import GeneratorType
from typing import Any

_CONTAINERS = (dict, list, tuple, GeneratorType)
_AT_ONCE = 1000
"""Objects for the encoder at a time: it keeps each piece that it wrote until all of them are there."""


def to_json(value: Any, *, indent: int = 2, sort_keys: bool = False) -> str:
    """``value``, whose objects have texts as keys. A generator of objects is a list of them, each made when its turn
    comes. Pure ASCII."""
    pieces: list[str] = []
    write_json(value, pieces.append, indent=indent, sort_keys=sort_keys)
    return "".join(pieces)


def write_json(value: Any, emit: Callable[[str], object], *, indent: int = 2, sort_keys: bool = False) -> None:
    """The same piece by piece: the whole may be many megabytes, and need not be there at once."""
    _Writer(emit, " " * indent, sort_keys=sort_keys).write(value, "\n")


class _Writer:
    """``line`` is the line break with the white space in front of what is written."""

    def __init__(self, emit: Callable[[str], object], step: str, *, sort_keys: bool) -> None:
        self._emit = emit
        self._step = step
        self._sort_keys = sort_keys
        self._encoders: dict[str, Callable[[Any], str]] = {}

    def write(self, value: Any, line: str) -> None:
        if not _is_nested(value):
            self._emit(json.dumps(value))
        elif isinstance(value, dict):
            self._write_object(value, line)
        elif isinstance(value, GeneratorType):
            self._write_plain_objects(_plain_objects_of(value), line)
        elif _are_plain_objects(value):
            self._write_plain_objects(
                (value[start : start + _AT_ONCE] for start in range(0, len(value), _AT_ONCE)), line
            )
        else:
            self._write_list(value, line)

    def _write_object(self, value: Mapping[str, Any], line: str) -> None:
        nested = {key: member for key, member in value.items() if _is_nested(member)}
        keys = sorted(value) if self._sort_keys else list(value)
        places = sorted(map(keys.index, nested))
        stubs = {**value, **dict.fromkeys(nested, 0)}
        self._write_members(stubs, {place: nested[keys[place]] for place in places}, line, brackets="{}")

    def _write_list(self, value: Sequence[Any], line: str) -> None:
        nested = {place: member for place, member in enumerate(value) if _is_nested(member)}
        stubs = [0 if place in nested else member for place, member in enumerate(value)]
        self._write_members(stubs, nested, line, brackets="[]")

    def _write_members(self, stubs: Any, nested: Mapping[int, Any], line: str, *, brackets: str) -> None:
        """All members, each on a line. In ``stubs`` a 0 stands for those that are ``nested``, by their places."""
        comma = f",{line}{self._step}"
        text = self._encoded(stubs, line + self._step)[1:-1]
        texts = text.split(comma) if nested else [text]
        before, written = f"{brackets[0]}{line}{self._step}", 0
        for place, member in nested.items():
            self._emit(before + comma.join(texts[written : place + 1])[:-1])
            self.write(member, line + self._step)
            before, written = comma, place + 1
        rest = before + comma.join(texts[written:]) if texts[written:] else ""
        self._emit(f"{rest}{line}{brackets[1]}")

    def _write_plain_objects(self, batches: Iterable[Sequence[Any]], line: str) -> None:
        """A list of objects, many at a time: what is written between two of them can stand nowhere else."""
        outer, inner = line + self._step, line + 2 * self._step
        first, between = f"[{outer}{{{inner}", f"{outer}}},{outer}{{{inner}"
        before = first
        for batch in batches:
            text = self._encoded(batch, inner)[2:-2]
            self._emit(before)
            self._emit(text.replace(f"}},{inner}{{", between))
            before = between
        self._emit("[]" if before is first else f"{outer}}}{line}]")

    def _encoded(self, value: Any, line: str) -> str:
        """``value`` by the encoder in C, a comma and ``line`` between any two members."""
        if line not in self._encoders:
            encoder = json.JSONEncoder(separators=(f",{line}", ": "), sort_keys=self._sort_keys)
            self._encoders[line] = encoder.encode
        return self._encoders[line](value)


def _plain_objects_of(values: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(values, _AT_ONCE)):
        if not _are_plain_objects(batch):
            raise TypeError("a generator may give objects that hold something, but nothing that holds something")
        yield batch


def _is_nested(member: Any) -> bool:
    return bool(member) and isinstance(member, _CONTAINERS)


def _are_plain_objects(values: Sequence[Any]) -> bool:
    """Whether they are objects that hold something, but nothing that holds something."""
    if not all(values) or not all(issubclass(kind, dict) for kind in set(map(type, values))):
        return False
    kinds = set(map(type, chain.from_iterable(value.values() for value in values)))
    suspects = tuple(kind for kind in kinds if issubclass(kind, _CONTAINERS))
    return not suspects or not any(_is_nested(member) for value in values for member in value.values())
