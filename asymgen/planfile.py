"""The plan file, ``/etc/asymgen/plan.json``: numbers that must be the same tomorrow. Pure.

Belongs to one machine: a file with another machine-id (a cloned image) is ignored, and said so.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from asymgen import __version__
from asymgen.errors import JSON_WORDS, InputError
from asymgen.model import RESERVED_TABLES, Address, Host, Kept, Numbers, Plan, RenderedFile

PLAN_PATH = PurePosixPath("/etc/asymgen/plan.json")
PACKAGED_PLAN_PATH = PurePosixPath("/usr/share/asymgen/plan.json")
SCHEMA = 1


def plan_file_name(hostname: str) -> str:
    """The name of a host's plan inside ``--plan DIR``, whatever the host is called."""
    return quote(hostname or "unnamed", safe="", errors="surrogateescape") + ".json"


def host_folder(hostname: str) -> str:
    """The name of a host's folder inside ``--root DIR`` of several hosts: never a path of more than one name."""
    name = plan_file_name(hostname).removesuffix(".json")
    return name if name.strip(".") else name.replace(".", "%2E")


def render_plan(plan: Plan) -> RenderedFile:
    """The plan file for ``plan``."""
    return RenderedFile(PLAN_PATH, plan_text(plan), 0o644, "the plan with its numbers, for the next run", config=False)


def plan_text(plan: Plan) -> str:
    """The plan as JSON: what the next run must keep, and the uplinks for people to read."""
    kept = plan.kept
    document = {
        "about": f"Made by asymgen {__version__}. The next run keeps the numbers that stand here.",
        "schema": SCHEMA,
        "host": {"name": plan.hostname, "machine_id": plan.machine_id},
        "uplinks": [
            {
                "interface": uplink.interface,
                "family": uplink.family.value,
                "gateway": None if uplink.gateway is None else str(uplink.gateway),
                "gateway_source": uplink.gateway_source,
                "sources": [str(source) for source in uplink.sources],
            }
            for uplink in plan.uplinks
        ],
        "numbers": [_numbers_to_dict(numbers) for numbers in kept.numbers],
        "groups": list(kept.groups or ()),
        "sysctls_before": dict(sorted(kept.sysctls_before.items())),
        "gateways": {name: [str(address) for address in found] for name, found in sorted(kept.gateways.items())},
        **({"watch": kept.watch} if kept.watch else {}),
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _numbers_to_dict(numbers: Numbers) -> dict[str, Any]:
    return {
        "interface": numbers.interface,
        "table": numbers.table,
        "priority": numbers.priority,
        "gateways": [str(address) for address in numbers.gateways],
        "mac": numbers.mac,
        "kind": numbers.kind,
        "vlan_id": numbers.vlan_id,
    }


def read_kept(text: str, host: Host, origin: str) -> tuple[Kept, str]:
    """What the plan file keeps for ``host``, and a note ("" or why it was ignored).

    Raises InputError where the file cannot be read: numbers must not change because of a typing error.
    """
    document = _decode(text, origin)
    owner = _value(document, "host", dict, origin)
    machine_id = owner.get("machine_id", "")
    if machine_id and host.machine_id and machine_id != host.machine_id:
        return Kept(), (
            f"{origin} belongs to machine {machine_id}, this is {host.machine_id} (a cloned image?): ignored, "
            "numbers are chosen anew"
        )
    groups = tuple(_value(document, "groups", list, origin))
    whole = all(isinstance(group, int) and not isinstance(group, bool) and group > 0 for group in groups)
    if len(groups) not in (0, 2) or not whole or len(set(groups)) != len(groups):
        raise InputError(f"{origin}: key 'groups' is {groups!r}, wanted two different numbers", hint=HINT)
    numbers = tuple(_numbers(item, origin) for item in _value(document, "numbers", list, origin))
    _refuse_twins(numbers, origin)
    return Kept(
        numbers=numbers,
        groups=(groups[0], groups[1]) if groups else None,
        sysctls_before=_strings(_value(document, "sysctls_before", dict, origin), origin),
        gateways={
            name: tuple(_address(item, origin) for item in found)
            for name, found in _value(document, "gateways", dict, origin).items()
        },
        watch=_value(document, "watch", str, origin) if "watch" in document else "",
    ), ""


HINT = "correct it, or remove the file: numbers are then chosen anew"


def _decode(text: str, origin: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(f"{origin}: not valid JSON: {error}", hint=HINT) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(f"{origin}: not a plan file of schema {SCHEMA}", hint=HINT)
    return document


def _value(document: Mapping[str, Any], key: str, kind: type, origin: str) -> Any:
    value = document.get(key)
    if not isinstance(value, kind):
        raise InputError(f"{origin}: key {key!r} is {value!r}, wanted {JSON_WORDS[kind]}", hint=HINT)
    return value


def _refuse_twins(numbers: Sequence[Numbers], origin: str) -> None:
    for key in ("table", "priority"):
        values = [getattr(each, key) for each in numbers]
        if len(set(values)) != len(values):
            raise InputError(f"{origin}: two interfaces have one {key}: {values}", hint=HINT)


def _in_range(item: Mapping[str, Any], key: str, allowed: range, *, origin: str) -> int:
    value = _value(item, key, int, origin)
    if isinstance(value, bool) or value not in allowed or (key == "table" and value in RESERVED_TABLES):
        raise InputError(f"{origin}: key {key!r} is {value!r}, wanted a free number below {allowed[-1] + 1}", hint=HINT)
    return int(value)


def _numbers(item: Any, origin: str) -> Numbers:
    if not isinstance(item, dict):
        raise InputError(f"{origin}: key 'numbers' holds {item!r}, wanted an object", hint=HINT)
    vlan = item.get("vlan_id")
    return Numbers(
        interface=_value(item, "interface", str, origin),
        table=_in_range(item, "table", range(1, 1 << 32), origin=origin),
        priority=_in_range(item, "priority", range(1, 32766), origin=origin),
        gateways=tuple(_address(text, origin) for text in _value(item, "gateways", list, origin)),
        mac=_value(item, "mac", str, origin),
        kind=_value(item, "kind", str, origin),
        vlan_id=vlan if isinstance(vlan, int) else None,
    )


def _strings(mapping: Mapping[str, Any], origin: str) -> dict[str, str]:
    return {key: _value(mapping, key, str, origin) for key in mapping}


def _address(text: Any, origin: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise InputError(f"{origin}: {text!r} is no IP address", hint=HINT) from error
