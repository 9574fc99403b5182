"""What the last version of a package held: from its manifest. Pure."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any

from asymgen.errors import InputError
from asymgen.packages.names import check_path, is_version
from asymgen.records import record


@record
class Previous:
    """``config`` are its files in /etc, ``groups`` (interface, device group)."""

    package: str
    version: str
    config: tuple[PurePosixPath, ...]
    groups: tuple[tuple[str, int], ...]


def parse_previous(text: str, origin: str) -> Previous:
    """Read the manifest of a package. Raises InputError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(f"{origin}: not valid JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != 1 or "package" not in document:
        raise InputError(f"{origin}: is no manifest of a package that asymgen made")
    files = _value(document, "files", list, origin)
    groups = _value(document, "groups", dict, origin)
    return Previous(
        package=_value(document, "package", str, origin),
        version=_version(_value(document, "version", str, origin), origin),
        config=tuple(_config_path(item, origin) for item in files if isinstance(item, dict) and item.get("config")),
        groups=tuple((name, _group(name, number, origin)) for name, number in sorted(groups.items())),
    )


def _value(document: dict[str, Any], key: str, kind: type, origin: str) -> Any:
    found = document.get(key)
    if not isinstance(found, kind):
        raise InputError(f"{origin}: key {key!r} is {found!r}, wanted {kind.__name__}")
    return found


def _version(version: str, origin: str) -> str:
    if not is_version(version):
        raise InputError(f"{origin}: version is {version[:100]!r}, wanted one that asymgen gives")
    return version


def _config_path(item: dict[str, Any], origin: str) -> PurePosixPath:
    path = _value(item, "path", str, origin)
    if not path.startswith("/etc/"):
        raise InputError(f"{origin}: {path!r} is marked as configuration and not in /etc")
    return check_path(PurePosixPath(path))


def _group(name: str, number: Any, origin: str) -> int:
    if not isinstance(number, int) or number < 0 or not re.fullmatch(r"[^\s/\x00-\x1f]+", name):
        raise InputError(f"{origin}: device group of {name!r} is {number!r}")
    return number
