"""Lists of routes of which most differ in nothing but ``dst``: kept as one object and a set of prefixes. Pure.

A router's ``main`` may have a million routes by a few gateways, and a host with ten thousand addresses has as many
routes in ``local``. They are folded while their JSON is read (:mod:`asymgen.json_stream`), so that they never stand in
memory one by one (docs/decisions/0024).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

from asymgen.iproute2 import network_word
from asymgen.model import TABLE_LOCAL, TABLE_MAIN, Family
from asymgen.prefix_set import STORED_BITS, PrefixSet
from asymgen.records import record

FEWEST = 256
"""So many objects of one shape are kept as they are: an ordinary host's routes are never folded."""

_MOST_SHAPES = 64
_FOLDABLE = {"type", "dst", "table", "gateway", "dev", "protocol", "scope", "metric", "flags", "pref", "prefsrc"}
_MAIN = ("main", "254", TABLE_MAIN)
_LOCAL = ("local", "255", TABLE_LOCAL)
_DESTINATION = re.compile(r'"dst"[ \t\n\r]*:[ \t\n\r]*"')
NO_SPACE = re.compile(r"[^ \t\n\r]")
"""What JSON does not take for white space."""

Entry = dict[str, Any]

_LINK_LOCAL = {Family.IPV4: range(0xA9FE0000, 0xA9FF0000), Family.IPV6: range(0xFE80 << 48, 0xFEC0 << 48)}
_MULTICAST = {Family.IPV4: range(0xE0 << 24, 0xF0 << 24), Family.IPV6: range(0xFF << 56, 0x100 << 56)}


@record
class Run:
    """Objects of a list that are ``entry`` with another ``dst`` each; the first stood at ``index``."""

    index: int
    entry: Entry
    networks: PrefixSet


@record
class FoldedObjects:
    """A list of which most objects are in ``runs``; ``entries`` are the others, each with its index."""

    entries: tuple[tuple[int, Any], ...]
    runs: tuple[Run, ...]

    def mapped(self, change: Callable[[Any], Any]) -> FoldedObjects:
        """The same with ``change`` applied to each object; it leaves ``dst`` alone."""
        runs = tuple(replace(run, entry=change(run.entry)) for run in self.runs)
        return FoldedObjects(tuple((index, change(entry)) for index, entry in self.entries), runs)

    def unfolded(self) -> Iterator[Any]:
        """Each object; those of one table's runs stand together, in the order of their addresses as the kernel lists
        them, where the first of them stood."""
        tables: dict[bool, list[Run]] = {}
        for run in sorted(self.runs, key=lambda run: run.index):
            tables.setdefault(_is_local(run.entry), []).append(run)
        written = -1
        for runs in tables.values():
            yield from (entry for index, entry in self.entries if written < index < runs[0].index)
            yield from _merged(runs)
            written = runs[0].index
        yield from (entry for index, entry in self.entries if written < index)


def _merged(runs: Sequence[Run]) -> Iterator[Entry]:
    numbered = (zip(run.networks.numbers(), repeat(place)) for place, run in enumerate(runs))
    for (start, length), place in heapq.merge(*numbered):
        run = runs[place]
        yield {**run.entry, "dst": network_word(run.networks.network(start, length))}


def unfolded(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """A snapshot with plain lists, as json wants them."""
    return {
        key: list(value.unfolded()) if isinstance(value, FoldedObjects) else value for key, value in snapshot.items()
    }


def singles(objects: FoldedObjects | list[Any]) -> Iterator[Any]:
    """The objects of a list that are in no run."""
    return (entry for _, entry in objects.entries) if isinstance(objects, FoldedObjects) else iter(objects)


def _destination_reader(family: Family) -> Callable[[str], tuple[int, int] | None]:
    """A function from a destination as ip(8) prints it to what PrefixSet.append() takes; None for text that is
    none, and for what bulk routes do not have: defaults and their parts, host bits, link-local, multicast."""
    from socket import AF_INET, AF_INET6, inet_pton  # noqa: PLC0415 - few hosts have that many routes

    kind = AF_INET if family is Family.IPV4 else AF_INET6
    bits, size, shortest = STORED_BITS[family], STORED_BITS[family] // 8, family.suppressed_length + 1
    rest = bytes(family.bits // 8 - size)
    link_local, multicast = _LINK_LOCAL[family], _MULTICAST[family]

    def read(text: str) -> tuple[int, int] | None:
        base, slash, digits = text.partition("/")
        if slash and not (digits.isascii() and digits.isdecimal()):  # int() takes "1_6" and " 16" as well
            return None
        try:
            packed = inet_pton(kind, base)
        except (OSError, ValueError):
            return None
        length = int(digits) if slash else family.bits
        start = int.from_bytes(packed[:size], "big")
        if not shortest <= length <= bits or start & ((1 << (bits - length)) - 1) or packed[size:] != rest:
            return None
        return None if start in link_local or start in multicast else (start, length)

    return read


class _Ascent:
    """The prefixes of one table that were folded: each behind all before it, so that none is there twice."""

    def __init__(self) -> None:
        self._last = -1
        self._lengths_at_last: set[int] = set()

    def takes(self, start: int, length: int) -> bool:
        """Whether the prefix goes on from the last one, which it then is."""
        if start < self._last or (start == self._last and length in self._lengths_at_last):
            return False
        if start > self._last:
            self._last, self._lengths_at_last = start, set()
        self._lengths_at_last.add(length)
        return True


class _Shape:
    """An object's text around its destination; what both enclose, is the same object with another destination."""

    def __init__(self, before: str, after: str, entry: Entry, ascent: _Ascent) -> None:
        self.before = before
        self.after_with_comma = f"{after},"
        self.entry = entry
        self.ascent = ascent
        self.seen = 0
        self.run: Run | None = None


def _is_local(entry: Entry) -> bool:
    return entry.get("type") == "local"


def _is_foldable(value: Any, family: Family) -> bool:
    """Whether this is a plain route of ``main`` by one gateway, or of ``local`` to an own address: IPv4's, as those of
    IPv6 are longer than what a PrefixSet stores."""
    if not isinstance(value, dict) or not value.keys() <= _FOLDABLE or not isinstance(value.get("dst"), str):
        return False
    if _is_local(value):
        is_plain = value.get("table") in _LOCAL and "gateway" not in value and family is Family.IPV4
    else:
        in_main = value.get("type", "unicast") == "unicast" and value.get("table", "main") in _MAIN
        is_plain = in_main and isinstance(value.get("gateway"), str)
    return is_plain and all(map(_is_flat, value.values()))


def _is_flat(value: Any) -> bool:
    """Whether no object is inside: a second "dst" could hide there."""
    if isinstance(value, list):
        return not any(isinstance(part, (dict, list)) for part in value)
    return not isinstance(value, dict)


class Folding:
    """One list, while it is read."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._count = 0
        self._entries: list[tuple[int, Any]] = []
        self._shapes: dict[tuple[str, str], _Shape] = {}
        self._active: dict[str, list[_Shape]] = {}
        self._read: Callable[[str], tuple[int, int] | None] = lambda _: None
        self._single: Any = None
        self._ascents = {False: _Ascent(), True: _Ascent()}
        """By whether the table is ``local``: the kernel lists one table behind the other."""

    def take_known(self, held: str, at: int) -> int:
        """Where what cannot be folded starts: objects from ``at`` on, each with the comma behind it, are taken while
        ``held`` has all of them, they are of a shape that is folded, and can be."""
        while True:
            found = self._known(held, at)
            if found is None or not self._fold(found[0], held[found[1] : found[2]]):
                return at
            at = found[2] + len(found[0].after_with_comma)
            if not held.startswith(found[0].before, at):
                space = NO_SPACE.search(held, at)
                at = len(held) if space is None else space.start()

    def _known(self, held: str, at: int) -> tuple[_Shape, int, int] | None:
        """The shape of the object at ``at``, and where its destination begins and ends."""
        for before, shapes in self._active.items():
            if held.startswith(before, at):
                start = at + len(before)
                end = held.find('"', start)
                for shape in shapes:
                    if end > 0 and held.startswith(shape.after_with_comma, end):
                        return shape, start, end
        return None

    def add(self, value: Any, source: str) -> None:
        """An object that was read whole."""
        shape = self._shape(value, source)
        if shape is not None and shape.seen > FEWEST and self._fold(shape, value["dst"]):
            return
        self._entries.append((self._count, value))
        self._count += 1
        self._single = value.get("dst") if isinstance(value, dict) else None

    def _shape(self, value: Any, source: str) -> _Shape | None:
        """The shape of a route that can be folded; None for any other object."""
        found = _DESTINATION.search(source)
        if found is None or not _is_foldable(value, self._family):
            return None
        destination = value["dst"]
        before, after = source[: found.end()], source[found.end() + len(destination) :]
        if source != before + destination + after or _DESTINATION.search(after) is not None:
            return None
        if len(self._shapes) == _MOST_SHAPES and (before, after) not in self._shapes:
            return None
        ascent = self._ascents[_is_local(value)]
        shape = self._shapes.setdefault((before, after), _Shape(before, after, value, ascent))
        shape.seen += 1
        if shape.seen == FEWEST + 1:
            self._read = _destination_reader(self._family)
            self._active.setdefault(before, []).append(shape)
        return shape

    def _fold(self, shape: _Shape, destination: str) -> bool:
        """Put ``destination`` into the shape's run, if it is behind all before in its table, and no other route to it
        was listed just before (the kernel lists them together, and their order matters)."""
        prefix = self._read(destination)
        if prefix is None or destination == self._single or not shape.ascent.takes(*prefix):
            return False
        if shape.run is None:
            shape.run = Run(self._count, shape.entry, PrefixSet(self._family.value))
        shape.run.networks.append(*prefix)
        self._count += 1
        return True

    def result(self) -> FoldedObjects | list[Any]:
        runs = tuple(shape.run for shape in self._shapes.values() if shape.run is not None)
        return FoldedObjects(tuple(self._entries), runs) if runs else [entry for _, entry in self._entries]
