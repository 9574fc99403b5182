"""interfaces(5): what ifupdown, ifupdown2 and ifupdown-ng bring up.

Only what decides who manages an interface is read: stanzas, gateways, methods. Sources: interfaces(5) of
ifupdown 0.8.41; ifupdown-ng's interfaces(5), whose stanzas need neither family nor method.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from posixpath import dirname, join

from asymgen.records import record
from asymgen.system.configured import Configured, addresses_in, joined_lines
from asymgen.system.host_files import HostFiles

MAIN_FILE = "/etc/network/interfaces"
_FAMILIES = {"inet": "4", "inet6": "6"}
_DYNAMIC_METHODS = ("dhcp", "auto")
_NAMES_IN_FOLDER = re.compile(r"[A-Za-z0-9_-]+")
_STANZA_STARTS = ("auto", "no-auto-down", "no-scripts", "mapping", "template", "rename", "source", "source-directory")
_SOURCING = ("source", "source-directory")
_WILDCARD = re.compile(r"[*?[]")
_DEEPEST = 16


@record
class _Stanza:
    """An ``iface`` stanza while it is being read."""

    name: str
    file: str
    words: Sequence[str]
    options: list[tuple[str, str]] = field(default_factory=list)


def read_interfaces(files: HostFiles) -> dict[str, Configured]:
    """What interfaces(5) says, by interface; aliases (``eth0:1``) count for their interface."""
    stanzas = list(_stanzas(files, MAIN_FILE, depth=0))
    templates = {stanza.name: stanza for stanza in stanzas}
    found: dict[str, Configured] = {}
    for stanza in stanzas:
        if stanza.words[:1] == ["template"]:
            continue
        name = stanza.name.partition(":")[0]
        found[name] = _configured(stanza, templates).merged_into(found.get(name))
    return found


def _configured(stanza: _Stanza, templates: Mapping[str, _Stanza]) -> Configured:
    options = [*_inherited(stanza, templates), *stanza.options]
    family = next((_FAMILIES[word] for word in stanza.words if word in _FAMILIES), None)
    dynamic = {family} if family and any(word in _DYNAMIC_METHODS for word in stanza.words) else set()
    dynamic |= {"4" for key, value in options if (key, value) == ("use", "dhcp")}
    gateways = addresses_in(*(value for key, value in options if key == "gateway"))
    return Configured(file=stanza.file, gateways=gateways, dynamic=tuple(sorted(dynamic)))


def _inherited(stanza: _Stanza, templates: Mapping[str, _Stanza]) -> Iterator[tuple[str, str]]:
    parents = [word for before, word in zip(stanza.words, stanza.words[1:]) if before == "inherits"]
    parents += [value for key, value in stanza.options if key in ("inherit", "inherits")]
    others = {name: template for name, template in templates.items() if name != stanza.name}  # ends a circle
    for parent in parents:
        if parent in others:
            yield from _inherited(others[parent], others)
            yield from others[parent].options


def _stanzas(files: HostFiles, path: str, *, depth: int) -> Iterator[_Stanza]:
    current: _Stanza | None = None
    for keyword, rest in _words_of_lines(files.text(path) or ""):
        if keyword in ("iface", "template") and rest:
            name, *words = rest.split()
            current = _Stanza(name, path, words if keyword == "iface" else ["template"])
            yield current
        elif keyword in _STANZA_STARTS or keyword.startswith("allow-"):
            current = None
            if keyword in _SOURCING and depth < _DEEPEST:  # a file that sources itself ends here
                for sourced in _sourced(files, keyword, rest, folder=dirname(path)):
                    yield from _stanzas(files, sourced, depth=depth + 1)
        elif current is not None:
            current.options.append((keyword, rest))


def _words_of_lines(text: str) -> Iterator[tuple[str, str]]:
    """First word and rest of each line that has one."""
    for line in joined_lines(text, comments="#"):
        keyword, _, rest = line.strip().replace("\t", " ").partition(" ")
        if keyword:
            yield keyword, rest.strip()


def _sourced(files: HostFiles, keyword: str, rest: str, *, folder: str) -> Iterator[str]:
    """The files that a ``source`` (patterns) or ``source-directory`` (folders) line brings in."""
    for pattern in rest.split():
        if keyword == "source-directory":
            for place in _expanded(files, join(folder, pattern)):
                yield from (f"{place}/{name}" for name in files.names(place) if _NAMES_IN_FOLDER.fullmatch(name))
        elif files.is_folder(join(folder, pattern)):  # ifupdown-ng takes a folder here too
            place = join(folder, pattern).rstrip("/")
            yield from (f"{place}/{name}" for name in files.names(place) if not name.startswith("."))
        else:
            yield from _expanded(files, join(folder, pattern))


def _expanded(files: HostFiles, pattern: str) -> list[str]:
    """The paths that a shell would make of an absolute ``pattern``."""
    found = [""]
    for part in filter(None, pattern.split("/")):
        if _WILDCARD.search(part):
            found = [f"{path}/{name}" for path in found for name in files.names(path or "/") if _fits(name, part)]
        else:
            found = [f"{path}/{part}" for path in found]
    return found


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) and name.startswith(".") == pattern.startswith(".")
