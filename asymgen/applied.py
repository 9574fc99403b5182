"""What an apply remembers, so that everything can go back: files, kernel, who and when. Pure.

The state before is kept as it was found: the files that the run will touch, byte for byte, and the snapshot. What has
to be done to the kernel is computed when it is undone, from what is there then.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from asymgen.changes import Changes, FileKind
from asymgen.errors import InputError
from asymgen.iproute2 import route_words, rule_words
from asymgen.model import PROTOCOL, Family, Host, RenderedFile, Route, Rule, Sysctl
from asymgen.records import record
from asymgen.templating import sh

SCHEMA = 1
HINT = "`asymgen revert` cannot know the state before; `asymgen remove` takes everything of asymgen's away"


@record
class SavedFile:
    """A file as it was. ``content`` are its bytes, ``mode`` its permission bits."""

    path: PurePosixPath
    content: bytes
    mode: int


@record
class Applied:
    """One apply. ``started`` is for people (local time), ``seconds`` the time to confirm; ``manifest`` None: there was
    none."""

    token: str
    started: str
    by: str
    seconds: int
    files: tuple[SavedFile, ...]
    manifest: bytes | None
    snapshot: Mapping[str, Any]
    sysctls: tuple[Sysctl, ...]
    services_before: tuple[str, ...]
    services_after: tuple[str, ...]

    def former_files(self) -> tuple[RenderedFile, ...]:
        """The files as wanted again."""
        return tuple(
            RenderedFile(file.path, file.content.decode("utf-8", "surrogateescape"), file.mode, "as before the apply")
            for file in self.files
        )


def saved_files(changes: Changes) -> tuple[SavedFile, ...]:
    """What is there now at every path that the run may touch."""
    return tuple(
        SavedFile(change.path, change.before.content, change.before.mode)
        for change in changes.files
        if change.before is not None and change.before.kind is FileKind.REGULAR
    )


# --- to and from JSON ------------------------------------------------------------------------------------


def applied_text(applied: Applied) -> str:
    """As JSON, in ASCII."""
    document = {
        "about": "What asymgen needs to put everything back: `asymgen revert`.",
        "schema": SCHEMA,
        "token": applied.token,
        "started": applied.started,
        "by": applied.by,
        "seconds": applied.seconds,
        "files": [
            {"path": str(file.path), "mode": f"{file.mode:04o}", "content": _encoded(file.content)}
            for file in applied.files
        ],
        "manifest": None if applied.manifest is None else _encoded(applied.manifest),
        "snapshot": applied.snapshot,
        "sysctls": [[each.key, each.value, each.before, each.why] for each in applied.sysctls],
        "services_before": list(applied.services_before),
        "services_after": list(applied.services_after),
    }
    return json.dumps(document, ensure_ascii=True, indent=1) + "\n"


def parse_applied(text: str, origin: str) -> Applied:
    """The reverse. Raises InputError naming ``origin``."""
    try:
        found = json.loads(text)
        if found["schema"] != SCHEMA:
            raise InputError(f"{origin}: schema {found['schema']!r}, this asymgen knows {SCHEMA}", hint=HINT)
        return Applied(
            token=str(found["token"]), started=str(found["started"]), by=str(found["by"]),
            seconds=int(found["seconds"]),
            files=tuple(
                SavedFile(PurePosixPath(each["path"]), _decoded(each["content"]), int(each["mode"], 8))
                for each in found["files"]
            ),
            manifest=None if found["manifest"] is None else _decoded(found["manifest"]),
            snapshot=dict(found["snapshot"]),
            sysctls=tuple(Sysctl(*map(str, each)) for each in found["sysctls"]),
            services_before=tuple(map(str, found["services_before"])),
            services_after=tuple(map(str, found["services_after"])),
        )  # fmt: skip
    except (ValueError, LookupError, TypeError, AttributeError, binascii.Error) as problem:
        raise InputError(f"{origin}: cannot be read: {problem!r}", hint=HINT) from problem


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


# --- the kernel, back to what it was ---------------------------------------------------------------------


def restoration(before: Host, now: Host, sysctls: Iterable[Sysctl]) -> tuple[str, ...]:
    """Lines for sh that make of ``now`` what ``before`` was, in asymgen's part: rules and routes of its protocol,
    device groups, the settings that the apply made. Nothing of others is touched; nothing to do is no line."""
    return (
        *_groups(before, now), *_routes(before, now), *_rules(before, now), *_settings(before, now, sysctls),
    )  # fmt: skip


def _ours(rules: Iterable[Rule], family: Family) -> dict[int, list[Rule]]:
    found: dict[int, list[Rule]] = {}
    for rule in rules:
        if rule.family is family and rule.protocol == PROTOCOL:
            found.setdefault(rule.priority, []).append(rule)
    return found


def _rules(before: Host, now: Host) -> Iterator[str]:
    """Rules of one priority answer in the order of their making: where one differs, all of them come anew."""
    for family in Family:
        old, new = _ours(before.rules, family), _ours(now.rules, family)
        for priority in sorted({*old, *new}):
            if old.get(priority) != new.get(priority):
                yield from (
                    _line("ip", f"-{family}", "rule", "del", *rule_words(rule)) for rule in new.get(priority, ())
                )
                yield from (
                    _line("ip", f"-{family}", "rule", "add", *rule_words(rule)) for rule in old.get(priority, ())
                )


def _routes(before: Host, now: Host) -> Iterator[str]:
    old, new = _own_routes(before), _own_routes(now)
    for key, route in new.items():
        if key not in old:
            yield _line("ip", f"-{route.family}", "route", "del", *route_words(route))
    for key, route in old.items():
        if key not in new or route_words(new[key]) != route_words(route):
            yield _line("ip", f"-{route.family}", "route", "replace", *route_words(route))


def _own_routes(host: Host) -> dict[tuple[Any, ...], Route]:
    return {
        (route.family, route.table, route.type, route.destination, route.metric): route
        for route in host.routes
        if route.protocol == PROTOCOL
    }


def _groups(before: Host, now: Host) -> Iterator[str]:
    for link in before.links:
        present = now.link(link.name)
        if present is not None and present.group != link.group:
            yield _line("ip", "link", "set", "dev", link.name, "group", str(link.group))


def _settings(before: Host, now: Host, sysctls: Iterable[Sysctl]) -> Iterator[str]:
    for setting in sysctls:
        old = before.sysctls.get(setting.key)
        if old is not None and now.sysctls.get(setting.key) not in (None, old):
            yield f"echo {sh(old)} >{sh(f'/proc/sys/{setting.key}')}"


def _line(*words: str) -> str:
    return " ".join(map(sh, words))
