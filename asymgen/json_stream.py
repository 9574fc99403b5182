"""JSON that is read while it arrives, so that routes by the hundred thousand never stand in memory as text or dicts.

The parsing is :mod:`json`'s: this module only hands it one value after the other. Lists of routes become
:class:`FoldedObjects` where many objects differ in nothing but ``dst``. Pure: whoever reads a file or a pipe passes
the pieces of its text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from asymgen.folded_routes import NO_SPACE, FoldedObjects, Folding
from asymgen.iproute2 import decoder_for
from asymgen.model import Family

ROUTES = {"routes4": Family.IPV4, "routes6": Family.IPV6}
"""The lists of a snapshot that may be long."""

_NUMBER_REST = 3


class JsonText:
    """The text of a JSON document in pieces, of which only what is not read yet is held."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self.text = ""
        self.at = 0
        self._decoder = decoder_for("")

    def more(self) -> bool:
        """Fetch at least as much again as is held, so that a long value is tried a few times only; whether there was
        any."""
        held = self.text[self.at :]
        parts = [held]
        missing = max(1, len(held))
        for piece in self._pieces:
            parts.append(piece)
            missing -= len(piece)
            if missing <= 0:
                break
        if len(parts) == 1:
            return False
        self.text, self.at = "".join(parts), 0
        self._decoder = decoder_for(self.text)
        return True

    def next_symbol(self) -> str:
        """The next character that is no white space, which is where reading goes on; "" at the end."""
        while True:
            found = NO_SPACE.search(self.text, self.at)
            if found is not None:
                self.at = found.start()
                return found[0]
            self.at = len(self.text)
            if not self.more():
                return ""

    def take(self, symbol: str) -> None:
        """Pass over ``symbol``. Raises JSONDecodeError where another one stands."""
        if self.next_symbol() != symbol:
            raise json.JSONDecodeError(f"Expecting {symbol!r}", self.text, self.at)
        self.at += 1

    def value(self) -> tuple[Any, str]:
        """The value that starts here, and its text. Raises ValueError and RecursionError."""
        self.next_symbol()
        while True:
            try:
                value, end = self._decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError:
                if not self.more():
                    raise
                continue
            # A number may go on in the next piece: "1", "1." and "1e+" look like the number 1.
            if isinstance(value, (int, float)) and len(self.text) - end < _NUMBER_REST and self.more():
                continue
            source = self.text[self.at : end]
            self.at = end
            return value, source


def read_snapshot(pieces: Iterable[str]) -> dict[str, Any]:
    """A snapshot's object, its lists of routes folded. Raises ValueError and RecursionError."""
    text = JsonText(pieces)
    found: dict[str, Any] = {}
    text.take("{")
    if text.next_symbol() != "}":
        while True:
            key, _ = text.value()
            text.take(":")
            found[key] = _member(text, key)
            if text.next_symbol() != ",":
                break
            text.at += 1
    text.take("}")
    if text.next_symbol():
        raise json.JSONDecodeError("Extra data", text.text, text.at)
    return found


def _member(text: JsonText, key: Any) -> Any:
    if not isinstance(key, str):
        raise json.JSONDecodeError("Expecting property name", text.text, text.at)
    if key in ROUTES and text.next_symbol() == "[":
        return read_objects(text, ROUTES[key])
    return text.value()[0]


def read_list(pieces: Iterable[str], family: Family) -> FoldedObjects | list[Any]:
    """The list that is the whole text. Raises ValueError and RecursionError."""
    text = JsonText(pieces)
    found = read_objects(text, family)
    if text.next_symbol():
        raise json.JSONDecodeError("Extra data", text.text, text.at)
    return found


def read_objects(text: JsonText, family: Family) -> FoldedObjects | list[Any]:
    """The list that starts here: folded, if it is long enough for that. Raises ValueError and RecursionError."""
    folding = Folding(family)
    text.take("[")
    if text.next_symbol() != "]":
        while True:
            text.at = folding.take_known(text.text, text.at)
            folding.add(*text.value())
            if text.next_symbol() != ",":
                break
            text.at += 1
            text.next_symbol()
    text.take("]")
    return folding.result()
