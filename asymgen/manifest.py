"""The manifest, ``/var/lib/asymgen/manifest.json``: which files are asymgen's own. Pure.

It is written twice in a run. Before the first file is touched it holds both what each file was and
what it will be, so that after a ``kill -9`` the next run knows its own files whichever they are;
after the last one it holds what is there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from asymgen import __version__
from asymgen.errors import JSON_WORDS, InputError
from asymgen.records import record

STATE_DIRECTORY = PurePosixPath("/var/lib/asymgen")
APPLY_DIRECTORY = STATE_DIRECTORY / "apply"
MANIFEST_PATH = STATE_DIRECTORY / "manifest.json"
MANIFEST_MODE = 0o644
SCHEMA = 1
HINT = (
    "restore it from a backup, or move it away and run again: files that are as asymgen would write them "
    "are taken over, others are named"
)


@record
class Fingerprint:
    """What tells a file from another: permission bits (0 to 0o7777) and the content's SHA-256 in hex."""

    mode: int
    sha256: str


@record
class Entry:
    """A file of ours. ``current`` is what this run wants it to be; ``previous`` is what it was when an
    unfinished run began (None: it was not there, or not ours)."""

    path: PurePosixPath
    current: Fingerprint
    previous: Fingerprint | None = None

    def knows(self, found: Fingerprint) -> bool:
        """Whether ``found`` is the work of asymgen, and nobody changed it since."""
        return found in (self.current, self.previous)


@record
class Manifest:
    """All files and directories that asymgen made. ``complete`` is False while a run is under way,
    or was when it was killed."""

    files: tuple[Entry, ...] = ()
    directories: tuple[PurePosixPath, ...] = ()
    complete: bool = True

    def entry(self, path: PurePosixPath) -> Entry | None:
        """What is known of ``path``, or None."""
        return next((entry for entry in self.files if entry.path == path), None)


def fingerprint(content: bytes, mode: int) -> Fingerprint:
    """The fingerprint of a file with this content and mode."""
    return Fingerprint(mode, hashlib.sha256(content).hexdigest())


def manifest_text(manifest: Manifest) -> str:
    """``manifest`` as JSON, in ASCII: names that are no UTF-8 are lone surrogates, which JSON can escape."""
    document = {
        "about": f"Written by asymgen {__version__}: the files it owns. 'asymgen remove' takes them away.",
        "schema": SCHEMA,
        "asymgen": __version__,
        "complete": manifest.complete,
        "files": [_entry_document(entry) for entry in sorted(manifest.files, key=lambda entry: entry.path)],
        "directories": [str(path) for path in sorted(manifest.directories)],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _entry_document(entry: Entry) -> dict[str, Any]:
    previous = None if entry.previous is None else _fingerprint_document(entry.previous)
    return {"path": str(entry.path), **_fingerprint_document(entry.current), "previous": previous}


def _fingerprint_document(found: Fingerprint) -> dict[str, str]:
    return {"mode": f"{found.mode:04o}", "sha256": found.sha256}


def parse_manifest(text: str, origin: str) -> Manifest:
    """Read back what ``manifest_text`` wrote. ``origin`` is the file's name for messages.

    Raises InputError: without a manifest that can be trusted, nothing can be told from somebody else's.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(f"{origin}: not valid JSON: {error}", hint=HINT) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else document
        raise InputError(f"{origin}: key 'schema' is {found!r}, this asymgen ({__version__}) knows {SCHEMA}", hint=HINT)
    return Manifest(
        files=tuple(_entry(item, origin) for item in _value(document, "files", list, origin=origin)),
        directories=tuple(_path(item, origin) for item in _value(document, "directories", list, origin=origin)),
        complete=_value(document, "complete", bool, origin=origin),
    )


def _entry(item: Any, origin: str) -> Entry:
    if not isinstance(item, dict):
        raise InputError(f"{origin}: key 'files' holds {item!r}, wanted an object", hint=HINT)
    previous = item.get("previous")
    if previous is not None:
        previous = _fingerprint(_value(item, "previous", dict, origin=origin), origin)
    return Entry(_path(item.get("path"), origin), _fingerprint(item, origin), previous)


def _fingerprint(item: Mapping[str, Any], origin: str) -> Fingerprint:
    mode, digest = (_value(item, key, str, origin=origin) for key in ("mode", "sha256"))
    if not re.fullmatch("[0-7]{4}", mode):
        raise InputError(f"{origin}: key 'mode' is {mode!r}, wanted four octal digits", hint=HINT)
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise InputError(f"{origin}: key 'sha256' is {digest!r}, wanted 64 hexadecimal digits", hint=HINT)
    return Fingerprint(int(mode, 8), digest)


def _path(item: Any, origin: str) -> PurePosixPath:
    if not isinstance(item, str) or not is_plain(PurePosixPath(item)):
        raise InputError(f"{origin}: {item!r} is no absolute path without '..'", hint=HINT)
    return PurePosixPath(item)


def is_plain(path: PurePosixPath) -> bool:
    """Absolute, names a file, and climbs nowhere: the only paths that asymgen writes to."""
    return path.parts[:1] == ("/",) and len(path.parts) > 1 and ".." not in path.parts and "\0" not in str(path)


def _value(item: Mapping[str, Any], key: str, kind: type, *, origin: str) -> Any:
    value = item.get(key)
    if not isinstance(value, kind):
        raise InputError(f"{origin}: key {key!r} is {value!r}, wanted {JSON_WORDS[kind]}", hint=HINT)
    return value
