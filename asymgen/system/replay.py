"""A snapshot of ``asymgen snapshot --script``, finished: the probe reads what the script brought.

The script judges nothing. It brings files, names in folders, links and what programs said; here the same
functions look at these that look at a live host.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asymgen.errors import InputError
from asymgen.folded_routes import FoldedObjects
from asymgen.system.commands import NOT_FOUND, Result, Runner, pasteable
from asymgen.system.host_files import HostFiles
from asymgen.system.probe import IP_OBJECTS, describe_host

COLLECTED = "collected"
"""The key of a snapshot that is not finished."""

OBJECTS = (*IP_OBJECTS, "nexthops")

_TYPES: Mapping[type, str] = {dict: "an object", list: "a list", str: "a text"}
_HINT = "Collect again: asymgen snapshot --script | ssh HOST sh >FILE"


def is_collected(snapshot: Mapping[str, Any]) -> bool:
    """Whether ``snapshot`` is of the script."""
    return COLLECTED in snapshot


def tidied(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """``snapshot`` with its texts decoded, and without the ``{}`` that old versions of ip(8) print."""
    found: dict[str, Any] = _decoded(snapshot)
    for key in OBJECTS:
        if isinstance(found.get(key), list):
            found[key] = [item for item in found[key] if item != {}]
    return found


def finish(snapshot: Mapping[str, Any], *, origin: str) -> dict[str, Any]:
    """The snapshot that a live probe would have taken of that host. Raises InputError.

    ``snapshot`` is tidied, and ``parse_host`` found no fault with it."""
    brought = _Collected(snapshot[COLLECTED], origin=origin)
    objects = {key: snapshot[key] for key in OBJECTS if key in snapshot}
    notes = list(snapshot.get("notes") or ())
    return describe_host(CollectedAnswers(brought), CollectedFiles(brought), objects, notes=notes)


def _decoded(value: Any) -> Any:
    """``value`` with the bytes that the script escaped one by one as the letters that they are."""
    if isinstance(value, str):
        return value if value.isascii() else _letters(value)
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if isinstance(value, FoldedObjects):
        return value.mapped(_decoded)
    if isinstance(value, dict):
        return {_decoded(key): _decoded(item) for key, item in value.items()}
    return value


def _letters(text: str) -> str:
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # surrogates that stand for no byte: not of the script, and refused where they matter
        return text


class _Collected:
    """The key ``collected``, each part of the type that it should be."""

    def __init__(self, value: Any, *, origin: str) -> None:
        self._origin = origin
        self._value = self._typed(COLLECTED, value, dict)
        self.files = self._texts("files")
        self.links = self._texts("links")
        self.unreadable = self._texts("unreadable")
        self.folders = {
            posixpath.normpath(path): [str(name) for name in self._typed(f"{COLLECTED}.folders.{path}", names, list)]
            for path, names in self._part("folders").items()
        }
        self.present = {str(path) for path in self._typed(f"{COLLECTED}.present", self._value.get("present", []), list)}
        self.commands = {
            line: self._typed(f"{COLLECTED}.commands.{line}", said, dict)
            for line, said in self._part("commands").items()
        }

    def _typed(self, key: str, value: Any, wanted: type) -> Any:
        if not isinstance(value, wanted):
            raise InputError(f"{self._origin}: {key}: expected {_TYPES[wanted]}", hint=_HINT)
        return value

    def _part(self, name: str) -> dict[str, Any]:
        part: dict[str, Any] = self._typed(f"{COLLECTED}.{name}", self._value.get(name, {}), dict)
        return part

    def _texts(self, name: str) -> dict[str, str]:
        return {
            posixpath.normpath(path): self._typed(f"{COLLECTED}.{name}.{path}", text, str)
            for path, text in self._part(name).items()
        }


class CollectedFiles(HostFiles):
    """The files that the script brought, in place of those below a root."""

    def __init__(self, brought: _Collected) -> None:
        super().__init__(Path("/"))  # which no method here looks at
        self._brought = brought

    def data(self, path: str, *, optional: bool = False) -> bytes | None:
        path = posixpath.normpath(path)
        if not optional:
            self._note(path)
        text = self._brought.files.get(path)
        return None if text is None else text.encode("utf-8", "surrogateescape")

    def exists(self, path: str) -> bool:
        brought, path = self._brought, posixpath.normpath(path)
        return path in brought.present or any(
            path in part for part in (brought.files, brought.folders, brought.unreadable)
        )

    def is_folder(self, path: str) -> bool:
        return posixpath.normpath(path) in self._brought.folders

    def link_target(self, path: str) -> str | None:
        return self._brought.links.get(posixpath.normpath(path))

    def has_link(self, path: str) -> bool:
        path = posixpath.normpath(path)
        return path in self._brought.links or path in self._brought.unreadable

    def names(self, folder: str) -> list[str]:
        folder = posixpath.normpath(folder)
        self._note(folder)
        return sorted(self._brought.folders.get(folder, ()))

    def _note(self, path: str) -> None:
        if path in self._brought.unreadable:
            self._unreadable[path] = self._brought.unreadable[path]


class CollectedAnswers(Runner):
    """What programs said to the script, in place of programs."""

    def __init__(self, brought: _Collected) -> None:
        super().__init__()
        self._said = brought.commands

    def has(self, program: str) -> bool:
        return any(line.partition(" ")[0] == program for line in self._said)

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,  # noqa: ARG002 - whoever asks looks at the exit code
        input: str | None = None,  # noqa: A002, ARG002 - as Runner.run()
        timeout: float = 60.0,  # noqa: ARG002
        cwd: Path | None = None,  # noqa: ARG002
    ) -> Result:
        said = self._said.get(pasteable(argv), {})
        code = said.get("returncode")
        stdout, stderr = (str(said.get(key, "")) for key in ("stdout", "stderr"))
        return Result(tuple(argv), code if isinstance(code, int) else NOT_FOUND, stdout, stderr)
