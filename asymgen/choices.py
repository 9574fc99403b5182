"""What a person decides, from the command line and from ``/etc/asymgen/asymgen.toml``. Pure.

Both use the same names; the command line wins, interface by interface where a choice names one.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from asymgen.errors import InputError, UsageError
from asymgen.model import Address, Choices, Family, Link

FAMILIES = {"4": frozenset({Family.IPV4}), "6": frozenset({Family.IPV6}), "both": frozenset(Family)}
RULE_BY = ("auto", "prefix", "address")
ARP = ("filter", "announce")

LISTS = ("gateway", "uplink", "exclude", "backend", "network-file")
TYPES: Mapping[str, Callable[[object], bool]] = {
    **{name: lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value) for name in LISTS},
    "rule-by": lambda value: value in RULE_BY,
    "arp": lambda value: value in ARP,
    "family": lambda value: str(value) in FAMILIES,
    "ahead": lambda value: isinstance(value, bool),
    "fail-closed": lambda value: isinstance(value, bool),
    "table-base": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "priority-base": lambda value: isinstance(value, int) and not isinstance(value, bool),
}
WANTED = {
    **dict.fromkeys(LISTS, 'a list of strings, as in ["eth1=198.51.100.1"]'),
    "rule-by": "one of " + ", ".join(RULE_BY),
    "arp": "one of " + ", ".join(ARP),
    "family": 'one of "4", "6", "both"',
    "ahead": "true or false",
    "fail-closed": "true or false",
    "table-base": "a number from 1 to 4294967295",
    "priority-base": "a number from 1 to 32765",
}
TABLE_RANGE = range(1, 1 << 32)
PRIORITY_RANGE = range(1, 32766)


def read_toml(text: str, origin: str) -> dict[str, Any]:
    """The options of an asymgen.toml. Raises InputError for bad TOML, unknown keys and wrong types."""
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - most hosts have no such file
    else:
        import tomli as tomllib  # noqa: PLC0415
    try:
        options = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{origin}: not valid TOML: {error}", hint="correct the line it names") from error
    for key, value in options.items():
        if key not in TYPES:
            known = ", ".join(sorted(TYPES))
            raise InputError(f"{origin}: unknown key {key!r}", hint=f"known keys: {known}")
        if not TYPES[key](value):
            raise InputError(f"{origin}: key {key!r} is {value!r}, wanted {WANTED[key]}")
    return options


def merge_options(lasting: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` (the command line, None or empty where not used) over ``lasting`` (the TOML file).

    Lists are joined; what the command line says of an interface replaces what the file says of it.
    """
    lasting = _without_contradicted(lasting, given)
    merged = dict(lasting)
    for key, value in given.items():
        if key in LISTS:
            named = {_interface(text) for text in value}
            merged[key] = [*(text for text in lasting.get(key, ()) if _interface(text) not in named), *value]
        elif value is not None and value is not False:
            merged[key] = value
    return merged


def _without_contradicted(lasting: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """``lasting`` without what it says of an interface that ``given`` says the opposite of."""
    taken, left = _taken_and_left(given)
    opposite = {"uplink": left, "exclude": taken}
    kept = {key: [name for name in lasting[key] if name not in opposite[key]] for key in opposite if key in lasting}
    gateways = [
        text for text in lasting.get("gateway", ()) if _interface(text) not in (taken if _is_none(text) else left)
    ]
    return {**lasting, **kept, "gateway": gateways}


def _taken_and_left(options: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """The interfaces that ``options`` make uplinks, and those that they keep from being one."""
    gateways = options.get("gateway", ())
    taken = {_interface(text) for text in gateways if not _is_none(text)}
    left = {_interface(text) for text in gateways if _is_none(text)}
    return taken | set(options.get("uplink", ())), left | set(options.get("exclude", ()))


def _is_none(text: str) -> bool:
    return text.endswith("=none")


def _interface(text: str) -> str:
    """The interface that ``IF=VALUE`` is about; a bare ``VALUE`` stands for itself."""
    return text.rpartition("=")[0] or text


def parse_choices(options: Mapping[str, Any]) -> Choices:
    """Choices from merged options. Raises UsageError naming the option and the value."""
    gateways = _gateways(options.get("gateway", ()))
    taken, left = _taken_and_left(options)
    for interface in sorted(taken & left):
        raise UsageError(
            f"{interface} is to be an uplink by one choice and none by another",
            hint="--uplink and --gateway IF=ADDR say the one, --exclude and --gateway IF=none the other",
        )
    return Choices(
        gateways=gateways,
        uplinks=frozenset(options.get("uplink", ())),
        excluded=frozenset(options.get("exclude", ())),
        rule_by=options.get("rule-by", "auto"),
        ahead=options.get("ahead", False),
        arp=options.get("arp", "filter"),
        fail_closed=options.get("fail-closed", False),
        table_base=_number(options, "table-base", TABLE_RANGE),
        priority_base=_number(options, "priority-base", PRIORITY_RANGE),
        families=FAMILIES[str(options.get("family", "both"))],
        network_files=dict(_pair(text, "--network-file") for text in options.get("network-file", ())),
        backends=dict(_backend(text) for text in options.get("backend", ())),
    )


def _number(options: Mapping[str, Any], key: str, allowed: range) -> int | None:
    value = options.get(key)
    if value is not None and not allowed[0] <= value <= allowed[-1]:
        raise UsageError(f"--{key} {value}: wanted a number from {allowed[0]} to {allowed[-1]}")
    return None if value is None else int(value)


def _pair(text: str, option: str) -> tuple[str, str]:
    """``IF=VALUE``; the interface may hold any byte but ``/`` and white space, also ``=``."""
    interface, sign, value = text.rpartition("=")
    if not (sign and interface and value):
        raise UsageError(f"{option} {text}: wanted INTERFACE=VALUE")
    return interface, value


def _backend(text: str) -> tuple[str, str]:
    return _pair(text, "--backend") if "=" in text else ("", text)


def _gateways(texts: Iterable[str]) -> dict[str, tuple[Address, ...]]:
    """Repeats add a gateway of the other family or a second one; ``none`` stands alone."""
    gateways: dict[str, tuple[Address, ...]] = {}
    for text in texts:
        interface, value = _pair(text, "--gateway")
        if value == "none":
            gateways[interface] = ()
            continue
        try:
            address = ipaddress.ip_address(value)
        except ValueError as error:
            raise UsageError(f"--gateway {text}: {value!r} is no IP address, nor `none`") from error
        if address.is_unspecified or address.is_multicast or address.is_loopback:
            raise UsageError(f"--gateway {text}: {value} cannot be a gateway")
        gateways[interface] = (*gateways.get(interface, ()), address)
    return gateways


def missing_interfaces(choices: Choices, links: Iterable[Link]) -> tuple[str, ...]:
    """The interfaces that ``choices`` name and the host does not have."""
    present = {link.name for link in links}
    named = (name for interfaces in _named(choices).values() for name in interfaces)
    return tuple(dict.fromkeys(name for name in named if name not in present))


def _named(choices: Choices) -> dict[str, Iterable[str]]:
    return {
        "--gateway": choices.gateways, "--uplink": choices.uplinks, "--exclude": choices.excluded,
        "--network-file": choices.network_files, "--backend": [name for name in choices.backends if name],
    }  # fmt: skip


def check_against_host(choices: Choices, links: Iterable[Link]) -> None:
    """What the command line names must be there, and a gateway must be somebody else. Raises UsageError."""
    links = tuple(links)
    present = [link.name for link in links]
    for option, interfaces in _named(choices).items():
        for interface in interfaces:
            if interface not in present:
                known = ", ".join(name for name in present if name != "lo")
                raise UsageError(f"{option} names interface {interface!r}, which this host does not have",
                                 hint=f"its interfaces: {known}")  # fmt: skip
    own = {address.address: link.name for link in links for address in link.addresses}
    for interface, gateways in choices.gateways.items():
        for gateway in gateways:
            if gateway in own:
                raise UsageError(
                    f"--gateway {interface}={gateway}: that is this host's own address, on {own[gateway]}",
                    hint="wanted: the router's address",
                )
