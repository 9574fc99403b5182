"""Reading values out of JSON, with errors that say where and what: the only place that guesses about types.

A reader of one object raises :class:`MalformedError` with the key below that object; whoever loops over a
list puts the list's key and index in front. So paths cost nothing while everything is well
formed: a router may have a million routes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from asymgen.model import Address, Family, Network

Value = TypeVar("Value")
_SHOWN = 60
_FAMILY_NAMES = {Family.IPV4: "an IPv4", Family.IPV6: "an IPv6"}


class MalformedError(Exception):
    """A value that is not what it should be. ``path`` grows from the inside to the outside."""

    def __init__(self, path: str, found: object, expected: str) -> None:
        super().__init__(path)
        self.path = path
        self.found = found
        self.expected = expected

    def below(self, prefix: str) -> MalformedError:
        """The same, seen from the object that holds ``prefix``."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        return MalformedError(f"{prefix}{joint}{self.path}", self.found, self.expected)

    def __str__(self) -> str:
        return f"{self.path}: found {shown(self.found)}, expected {self.expected}"


@contextmanager
def within(prefix: str) -> Iterator[None]:
    """What is malformed inside is reported below ``prefix``. (Too slow for each of a million routes.)"""
    try:
        yield
    except MalformedError as problem:
        raise problem.below(prefix) from None


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()
"""What stands in ``MalformedError.found`` where a key is absent."""


def shown(found: object) -> str:
    """A value for a message: on one line, short, and with no control characters."""
    text = ascii(found)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def as_object(value: Any) -> Mapping[str, Any]:
    """``value``, if it is an object."""
    if not isinstance(value, dict):
        raise MalformedError("", value, "an object")
    return value


def objects(holder: Mapping[str, Any], key: str, *, required: bool = False) -> list[Mapping[str, Any]]:
    """The list of objects under ``key``. Empty objects are dropped: old versions of ip(8) print
    one for each thing that they left out."""
    value = holder.get(key, MISSING)
    if value is MISSING and not required:
        return []
    if not isinstance(value, list):
        raise MalformedError(key, value, "a list of objects")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise MalformedError(f"{key}[{index}]", item, "an object")
    return [item for item in value if item]


def parse_each(
    holder: Mapping[str, Any], key: str, parse: Callable[[Mapping[str, Any]], Value], *, required: bool = False
) -> tuple[Value, ...]:
    """``parse`` of every object in the list under ``key``."""
    objects(holder, key, required=required)
    return parse_numbered(key, enumerate(holder.get(key, ())), parse)


def parse_numbered(
    key: str, items: Iterable[tuple[int, Mapping[str, Any]]], parse: Callable[[Mapping[str, Any]], Value]
) -> tuple[Value, ...]:
    """``parse`` of every object of the list ``key``, each with its index."""
    results = []
    for index, item in items:
        if item:
            try:
                results.append(parse(item))
            except MalformedError as problem:
                raise problem.below(f"{key}[{index}]") from None
    return tuple(results)


def mapping(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under ``key``; absent or null is an empty one."""
    value = holder.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedError(key, value, "an object")
    return value


def text(holder: Mapping[str, Any], key: str, default: str = "") -> str:
    """The string under ``key``."""
    value = holder.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise MalformedError(key, value, "a string")
    return value


def optional_text(holder: Mapping[str, Any], key: str) -> str | None:
    """The string under ``key``, or None where there is none."""
    return text(holder, key) or None


def texts(holder: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The list of strings under ``key``."""
    value = holder.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MalformedError(key, value, "a list of strings")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise MalformedError(f"{key}[{index}]", item, "a string")
    return tuple(value)


def text_mapping(holder: Mapping[str, Any], key: str) -> dict[str, str]:
    """The object of strings under ``key``; a number in it becomes its digits."""
    found = {}
    for name, value in mapping(holder, key).items():
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise MalformedError(f"{key}.{name}", value, "a string")
        found[name] = str(value)
    return found


def number_of(value: Any) -> int | None:
    """``value`` as a number from 0 up to 2^32 - 1: ip(8) prints 7, "7" and "0x7". None where it is none."""
    if isinstance(value, str):
        try:
            value = int(value, 0)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0xFFFFFFFF:
        return None
    return value


def optional_number(holder: Mapping[str, Any], key: str, *, most: int = 0xFFFFFFFF) -> int | None:
    """The number under ``key`` from 0 up to ``most``, or None where there is none."""
    value = holder.get(key)
    if value is None:
        return None
    number = number_of(value)
    if number is None or number > most:
        raise MalformedError(key, value, f"a number from 0 to {most}")
    return number


def number(holder: Mapping[str, Any], key: str, default: int | None = None, *, most: int = 0xFFFFFFFF) -> int:
    """The number under ``key``; required if there is no default."""
    found = optional_number(holder, key, most=most)
    if found is None:
        if default is None:
            raise MalformedError(key, holder.get(key, MISSING), f"a number from 0 to {most}")
        return default
    return found


def truth(holder: Mapping[str, Any], key: str) -> bool:
    """ip(8) prints a flag as ``true``, or as a key with the value null; absence is no."""
    return key in holder and holder[key] is not False


@lru_cache(maxsize=65536)
def _address(value: str) -> Address | None:
    try:
        # A scope ("fe80::1%eth0") never stands in what ip(8) prints; comparing such addresses misleads.
        return None if "%" in value else ipaddress.ip_address(value)
    except ValueError:
        return None


def parse_address(value: Any, family: Family | None = None) -> Address | None:
    """An address of ``family`` (any, if None), or None."""
    found = _address(value) if isinstance(value, str) else None
    return found if found is not None and (family is None or found.version == family) else None


def address(holder: Mapping[str, Any], key: str, family: Family | None = None) -> Address:
    """The address under ``key``."""
    found = parse_address(holder.get(key), family)
    if found is None:
        kind = "an" if family is None else _FAMILY_NAMES[family]
        raise MalformedError(key, holder.get(key, MISSING), f"{kind} address")
    return found


def optional_address(holder: Mapping[str, Any], key: str, family: Family | None = None) -> Address | None:
    """The address under ``key``, or None where there is none."""
    return None if holder.get(key) is None else address(holder, key, family)


@lru_cache(maxsize=262144)
def _network(value: str, length: int | None, family: Family) -> Network | None:
    if value in ("default", "all", "any"):
        return family.everything
    base, slash, given = value.partition("/")
    if slash and given.isdecimal() and len(given) <= 3:
        length = int(given)
    elif slash:
        return None
    # "0/8" and "0" with a length: how ip(8) prints a prefix whose address is all zeroes.
    start = family.everything.network_address if base == "0" else _address(base)
    if start is None or start.version != family or (length is not None and length > family.bits):
        return None
    # As a number, for an address would be printed and parsed once more inside ipaddress.
    base_and_length = (int(start), family.bits if length is None else length)
    if family is Family.IPV4:
        return ipaddress.IPv4Network(base_and_length, strict=False)
    return ipaddress.IPv6Network(base_and_length, strict=False)


def network(holder: Mapping[str, Any], key: str, family: Family, *, length_key: str = "") -> Network:
    """The prefix under ``key``: with its length after a slash, or under ``length_key``, or an address."""
    value = holder.get(key, MISSING)
    length = optional_number(holder, length_key, most=family.bits) if length_key else None
    found = _network(value, length, family) if isinstance(value, str) else None
    if found is None:
        raise MalformedError(key, value, f"{_FAMILY_NAMES[family]} prefix")
    return found
