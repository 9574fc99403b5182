"""Reads a host into a Snapshot: iproute2's own JSON, and beside it what asymgen's planner asks about.

ip(8) runs once per kind of object, never once per interface: a host may have thousands. Nothing is
changed, and nothing that is missing is an error, except ip(8) itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Union

from asymgen.errors import CommandFailedError, UnsupportedError
from asymgen.folded_routes import FoldedObjects, singles
from asymgen.iproute2 import decode
from asymgen.json_stream import ROUTES, read_list
from asymgen.model import Family
from asymgen.records import record
from asymgen.system.commands import Result, Runner, pasteable
from asymgen.system.configured import shell_settings
from asymgen.system.firewall import NFT, read_firewall_groups
from asymgen.system.host_files import HostFiles
from asymgen.system.leases import read_leases
from asymgen.system.managers import read_managers, version_commands
from asymgen.system.names import read_names
from asymgen.system.sysctls import read_sysctls
from asymgen.system.udp_sockets import read_udp_wildcards

READERS = ("iproute2", "netifaces")
"""What links, addresses, routes and rules are read with."""

IP_OBJECTS: Mapping[str, tuple[str, ...]] = {
    "links": ("link",),
    "addrs": ("addr",),
    "routes4": ("-4", "route", "show", "table", "all"),
    "routes6": ("-6", "route", "show", "table", "all"),
    "rules4": ("-4", "rule", "show"),
    "rules6": ("-6", "rule", "show"),
}
"""What a snapshot holds, and what follows ``ip -j -d`` to get it."""

Objects = Union[list[dict[str, Any]], FoldedObjects]

NOT_ROOT = "Not run as root: firewall rules and other users' files may be missing from what was read."

_IP = ("ip", "-j", "-d")
_IP_VERSION = ("ip", "-V")
_NAMES = {"rt_tables": "rt_tables", "rt_protos": "rt_protos", "groups": "group", "rt_dsfield": "rt_dsfield"}
_NEEDS_JSON = "Install iproute2 4.17 or newer (the package is called iproute2 or iproute)."
_NO_JSON = re.compile(r'"-j" is unknown|BusyBox|(invalid|unrecognized) option')
_NO_SUPPORT = ("Operation not supported", "Address family not supported", "Protocol not supported")
_TRIES = 3


class UnusableIpError(UnsupportedError):
    """There is no ip(8), or it prints no JSON."""


def take_snapshot(run: Runner, root: Path = Path("/"), *, reader: str = "auto") -> dict[str, Any]:
    """Everything about this host that ``parse.py`` reads. Files are read below ``root``, commands are
    asked live, in the network namespace of this process. ``reader`` is one of READERS, or "auto".
    Raises UnsupportedError where neither ip(8) nor netifaces can be used."""
    files = HostFiles(root)
    notes: list[str] = []
    # What is asked beside ip(8) starts first and is read last: it answers meanwhile.
    with run.ahead([*version_commands(run, files), NFT, _IP_VERSION]):
        objects = _objects(run, files, reader=reader, notes=notes)
        if any("nhid" in route for key in ROUTES for route in singles(objects[key])):
            # With net.ipv4.nexthop_compat_mode=0 a route has no legs but the id of a nexthop object.
            objects["nexthops"] = _ip_objects(run, ("nexthop", "show"), notes=notes)
        if os.geteuid() != 0:
            notes.append(NOT_ROOT)
        return describe_host(run, files, objects, notes=notes)


def describe_host(run: Runner, files: HostFiles, objects: Mapping[str, Any], *, notes: list[str]) -> dict[str, Any]:
    """A snapshot: ``objects`` (links, addresses, routes, rules) and what ``files`` and programs say beside them."""
    names = {key: read_names(files, database) for key, database in _NAMES.items()}
    links = objects["links"]
    managers = read_managers(run, files, links)
    firewall_groups, firewall_notes = read_firewall_groups(run, names["groups"])
    return {
        **objects,
        **names,
        **_identity(files),
        "iproute2": _iproute2_version(run) if run.has("ip") else "",
        "firewall_groups": firewall_groups,
        "managers": managers,
        "leases": read_leases(files, links, networkd_runs="networkd" in managers["running"]),
        "udp_wildcards": read_udp_wildcards(files),
        "sysctls": read_sysctls(files, [str(link.get("ifname")) for link in links]),
        "notes": [*notes, *firewall_notes, *files.notes],
    }


def _objects(run: Runner, files: HostFiles, *, reader: str, notes: list[str]) -> dict[str, Any]:
    """Links, addresses, routes and rules, and which reader they are from."""
    why = "as asked by --reader"
    if reader != "netifaces":
        try:
            return _all_ip_objects(run, notes=notes)
        except UnusableIpError as problem:
            if reader == "iproute2":
                raise
            why = problem.message
    from asymgen.system import netifaces_reader  # noqa: PLC0415 - only where there is no ip(8) with JSON

    objects = netifaces_reader.read_objects(files, why=why)
    notes += objects.pop("notes")
    return {**objects, "reader": "netifaces"}


def _all_ip_objects(run: Runner, *, notes: list[str]) -> dict[str, Any]:
    """All questions are asked at once: half of the time of each is the start of a process."""
    _refuse_missing(run)
    first = _ask(run, [(*_IP, *words) for words in IP_OBJECTS.values()])
    return {key: _found(_settled(run, said, notes=notes), notes=notes) for key, said in zip(IP_OBJECTS, first)}


def _ip_objects(run: Runner, words: tuple[str, ...], *, notes: list[str]) -> Objects:
    _refuse_missing(run)
    return _found(_settled(run, _ask(run, [(*_IP, *words)])[0], notes=notes), notes=notes)


@record
class _Said:
    """What ip(8) said: how it ended, and the value of its JSON or the end of what is none."""

    result: Result
    value: Any
    problem: str = ""


def _ask(run: Runner, commands: Sequence[Sequence[str]]) -> list[_Said]:
    return [_Said(result, *value) for result, value in run.read_together(commands, _read_json)]


def _read_json(argv: Sequence[str], pieces: Iterator[str]) -> tuple[Any, str]:
    """The value, and what is wrong with the text; a list of routes may be folded."""
    first = next(filter(str.strip, pieces), "")
    try:
        if "route" in argv and first.lstrip()[:1] == "[":
            return read_list(chain((first,), pieces), Family.IPV6 if "-6" in argv else Family.IPV4), ""
        return decode("".join(chain((first,), pieces)) or "[]"), ""
    except ValueError:
        return None, "broken" if first.lstrip()[:1] == "[" else "none"


def _found(said: _Said, *, notes: list[str]) -> Objects:
    argv, result = said.result.argv, said.result
    if result.returncode != 0 and "-6" in argv and any(text in result.stderr for text in _NO_SUPPORT):
        notes.append(f"The kernel has no IPv6 here: {pasteable(argv)}: {result.last_error_line}")
        return []
    _refuse_failure(result)
    if said.problem == "broken":
        raise CommandFailedError(f"{pasteable(argv)}: its JSON ends too early or is broken")
    if said.problem:
        raise UnusableIpError(f"this ip(8) prints no JSON for: {pasteable(argv)}", hint=_NEEDS_JSON)
    found = said.value
    if not isinstance(found, (list, FoldedObjects)) or not all(isinstance(item, dict) for item in singles(found)):
        raise UnsupportedError(f"{pasteable(argv)}: printed JSON that is no list of objects", hint=_NEEDS_JSON)
    # Old versions print {} for what they leave out.
    return found if isinstance(found, FoldedObjects) else [item for item in found if item]


def _refuse_missing(run: Runner) -> None:
    if not run.has("ip"):
        raise UnusableIpError("there is no ip(8) on this host", hint=_NEEDS_JSON)


def _settled(run: Runner, said: _Said, *, notes: list[str]) -> _Said:
    """``said``, or what the same command says later where the kernel says that something changed meanwhile."""
    for _ in range(_TRIES - 1):
        if "interrupted" not in said.result.stderr:
            return said
        said = _ask(run, [said.result.argv])[0]
    if "interrupted" in said.result.stderr:
        notes.append(f"Something changed while it was read, {_TRIES} times in a row: {pasteable(said.result.argv)}")
    return said


def _refuse_failure(result: Result) -> None:
    if result.returncode == 0:
        return
    if _NO_JSON.search(result.stderr):
        first = result.stderr.strip().splitlines()[0]
        raise UnusableIpError(f"this ip(8) knows no -j (JSON): {first}", hint=_NEEDS_JSON)
    message = f"{pasteable(result.argv)}: exit code {result.returncode}: {result.last_error_line}"
    if "rule" in result.argv and any(text in result.stderr for text in _NO_SUPPORT):
        hint = "The kernel has no policy routing (CONFIG_IP_MULTIPLE_TABLES): asymgen cannot work on it."
        raise UnsupportedError(message, hint=hint)
    raise CommandFailedError(message)


def _iproute2_version(run: Runner) -> str:
    """``6.1.0``, or ``ss180129`` before iproute2 5.0's new scheme."""
    output = run.run(_IP_VERSION, check=False).stdout
    matched = re.search(r"iproute2[-, ]+(?:version )?([^\s,]+)", output)
    return matched[1] if matched else output.strip()


def _identity(files: HostFiles) -> dict[str, Any]:
    release = files.text("/etc/os-release", optional=True) or files.text("/usr/lib/os-release") or ""
    return {
        "os_release": shell_settings(release),
        "hostname": _line(files, "/proc/sys/kernel/hostname") or _line(files, "/etc/hostname"),
        "machine_id": _line(files, "/etc/machine-id"),
        "kernel": _line(files, "/proc/sys/kernel/osrelease"),
    }


def _line(files: HostFiles, path: str) -> str:
    return (files.text(path, optional=True) or "").strip()
