"""Names, versions and maintainers: what both dpkg and rpm take. Pure.

deb-version(7), Debian policy 5.6; rpm's own limits are wider but for the hyphen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate
from pathlib import PurePosixPath

from asymgen.errors import InputError, UnsupportedError, UsageError
from asymgen.packages.model import ANY_CONFIG

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_LONGEST = 128
"""Neither dpkg nor rpm has a limit, but the file's name has one, 255 bytes with the version."""
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+~]{0,99}")
_MAINTAINER = re.compile(r"[^\x00-\x1f\x7f<>(),@]+ <[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+>")
_PATH = re.compile(r"(/[A-Za-z0-9._@:+,=-]+)+")


def package_name(hostname: str, given: str | None = None) -> str:
    """The name of the host's package. Raises UsageError for one that the formats do not take."""
    if given is not None:
        if not _NAME.fullmatch(given) or len(given) > _LONGEST:
            raise UsageError(
                f"--name {given!r}: a package's name has 2 to {_LONGEST} lower-case letters, digits, '+', '-' and '.'"
            )
        return given
    mapped = re.sub(r"[^a-z0-9+.-]+", "-", hostname.lower()).strip("-.+")
    if not mapped or len(ANY_CONFIG) + 1 + len(mapped) > _LONGEST:
        raise UsageError(
            f"the host's name, {hostname!r}, gives no package name",
            hint="give one, in a run for this host alone: --name NAME",
        )
    return f"{ANY_CONFIG}-{mapped}"


def is_version(version: str) -> bool:
    """Whether both formats take it."""
    return _VERSION.fullmatch(version) is not None


def check_version(version: str) -> str:
    """``version`` again. Raises UsageError."""
    if not is_version(version):
        raise UsageError(
            f"--version {version!r}: wanted a digit, then letters, digits, '.', '+' and '~', 100 at most",
            hint="a hyphen would begin a revision",
        )
    return version


def version_of(date: int) -> str:
    """The version of a package that was made at ``date``, in seconds since 1970: later is higher."""
    year, month, day, hour, minute, second, *_ = parsedate(formatdate(date)) or (1970, 1, 1, 0, 0, 0)
    return f"{year}{month:02}{day:02}.{hour:02}{minute:02}{second:02}"


def check_maintainer(maintainer: str, *, origin: str = "--maintainer") -> str:
    """``maintainer`` again. Raises UsageError: a line break there would be a field of its own."""
    if not (_MAINTAINER.fullmatch(maintainer) and maintainer.isprintable()):
        raise UsageError(f"{origin} {maintainer!r}: wanted 'Name <name@example.org>'")
    return maintainer


def maintainer_of(given: str | None, environment: Mapping[str, str], hostname: str) -> str:
    """Who answers for the package: as given, as Debian's tools are told (debchange(1)), or root of the host that it is
    for: the host that builds would show in the bytes."""
    if given is not None:
        return check_maintainer(given)
    address = environment.get("DEBEMAIL") or environment.get("EMAIL") or ""
    name = environment.get("DEBFULLNAME") or environment.get("NAME") or ""
    whole = re.fullmatch(r"\s*(.*?)\s*<(.*)>\s*", address)
    if whole:
        name, address = name or whole[1], whole[2]
    host = re.sub(r"[^a-z0-9.-]+", "-", hostname.lower()).strip("-.") or "localhost"
    maintainer = f"{name or 'Administrators'} <{address or f'root@{host}'}>"
    return check_maintainer(maintainer, origin="DEBFULLNAME and DEBEMAIL (or NAME and EMAIL) give")


def check_date(text: str) -> int:
    """SOURCE_DATE_EPOCH as a number. Raises InputError."""
    if not re.fullmatch(r"[0-9]{1,11}", text):
        raise InputError(f"SOURCE_DATE_EPOCH is {text!r}, wanted seconds since 1970")
    return int(text)


def check_path(path: PurePosixPath) -> PurePosixPath:
    """``path`` again. Raises UnsupportedError for what conffiles or a spec's %files cannot carry: they have no quoting
    that all versions agree on."""
    if not _PATH.fullmatch(str(path)) or ".." in path.parts:
        raise UnsupportedError(
            f"a package cannot carry the file {str(path)!r}",
            hint="rename what it is named after (the .network file), or use `asymgen detect --write` on the host",
        )
    return path
