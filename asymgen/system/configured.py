"""What a manager's own files say about an interface, whoever the manager is."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from asymgen.records import record


@record
class Configured:
    """``file`` is the one that wins, ``gateways`` the next hops of default routes that it names,
    ``dynamic`` the families ("4", "6") that come by DHCP or router advertisement."""

    file: str | None = None
    gateways: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = ()

    def merged_into(self, earlier: Configured | None) -> Configured:
        """Both of two pieces of configuration for one interface; the earlier one's file stays."""
        if earlier is None:
            return self
        return Configured(
            file=earlier.file or self.file,
            gateways=tuple(dict.fromkeys(earlier.gateways + self.gateways)),
            dynamic=tuple(sorted({*earlier.dynamic, *self.dynamic})),
        )

    def managed_by(self, manager: str) -> dict[str, Any]:
        """The entry in the snapshot's ``managers.interfaces``."""
        entry: dict[str, Any] = {"manager": manager, "gateways": list(self.gateways), "dynamic": list(self.dynamic)}
        return {**entry, "file": self.file} if self.file else entry


def addresses_in(*words: str) -> tuple[str, ...]:
    """Those of ``words`` that are usable next hops; ``_dhcp4``, ``none``, names and 0.0.0.0 are not."""
    return tuple(dict.fromkeys(filter(None, map(_next_hop, words))))


def _next_hop(word: str) -> str:
    try:
        address = ipaddress.ip_address(word.strip())
    except ValueError:
        return ""
    return "" if address.is_unspecified or "%" in word else str(address)


def joined_lines(text: str, *, comments: str) -> Iterator[str]:
    """Lines without comments, those that end in a backslash joined with the next. A comment ends with its own line,
    whatever its last byte is. Sources: systemd.syntax(7); ifupdown 0.8.41 (tried)."""
    joined = ""
    for line in text.split("\n"):
        if line.lstrip()[:1] in tuple(comments):
            continue
        joined += line
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        yield joined
        joined = ""
    yield joined


def sections(text: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The sections of systemd's files and NetworkManager's keyfiles, in order and unmerged: a
    ``[Route]`` may stand there many times. Source: systemd.syntax(7)."""
    name, settings = "", list[tuple[str, str]]()
    for line in joined_lines(text, comments="#;"):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            yield name, settings
            name, settings = stripped[1:-1], []
        elif "=" in stripped and stripped[0] not in "#;":
            key, _, value = stripped.partition("=")
            settings.append((key.strip(), value.strip()))
    yield name, settings


def shell_settings(text: str) -> dict[str, str]:
    """``KEY=value`` lines of a file that a shell reads (os-release, ifcfg-*), quotes taken off."""
    found = {}
    for line in text.split("\n"):
        key, equals, value = line.strip().partition("=")
        if equals and key.isidentifier():
            found[key] = _unquoted(value)
    return found


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        quote, value = value[0], value[1:-1]
        return re.sub(r'\\([\\"$`])', r"\1", value) if quote == '"' else value
    return value.partition(" #")[0].strip()
