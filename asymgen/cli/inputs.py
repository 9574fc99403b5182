"""What a command works on: the host (live or a snapshot), the choices, the kept numbers.

Lasting choices and the plan file are read below ``--root`` only, never from this machine when the input
is a snapshot of another host; ``--config`` and ``--plan`` name others.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from asymgen.choices import check_against_host, merge_options, missing_interfaces, parse_choices, read_toml
from asymgen.cli.options import given_choices
from asymgen.errors import InputError, UsageError
from asymgen.json_stream import read_snapshot
from asymgen.manifest import APPLY_DIRECTORY
from asymgen.model import Choices, Host, Kept
from asymgen.parse import load_snapshot, parse_host
from asymgen.planfile import PACKAGED_PLAN_PATH, PLAN_PATH, plan_file_name, read_kept
from asymgen.records import record
from asymgen.system.commands import Runner
from asymgen.system.probe import take_snapshot
from asymgen.system.texts import read_pieces, read_text

TOML_PATH = PurePosixPath("/etc/asymgen/asymgen.toml")


@record
class Input:
    """``root`` is None where there is no tree of the host to compare with (a bare snapshot);
    ``plan_path`` is where numbers are kept, None for the ordinary place below ``root``."""

    host: Host
    choices: Choices
    kept: Kept
    root: Path | None
    plan_path: Path | None


def read_input(parameters: dict[str, Any]) -> Input:
    """Gather the input from a command's parameters. Raises InputError and UsageError."""
    root = root_of(parameters)
    host = read_host(parameters.get("snapshot"), parameters.get("reader"))
    return input_of(host, parameters, root=root)


def input_of(host: Host, parameters: dict[str, Any], *, root: Path | None) -> Input:
    """The input for ``host``, whose tree is below ``root``. Raises InputError and UsageError."""
    given = given_choices(parameters)
    check_against_host(parse_choices(merge_options({}, given)), host.links)
    lasting = _read_lasting(root, parameters.get("config"))
    choices = parse_choices(merge_options(lasting, given))
    origin = parameters.get("config") or TOML_PATH
    notes = [f"{origin} names {name}, which is not there now" for name in missing_interfaces(choices, host.links)]
    plan_path = _plan_path(parameters.get("plan"), host)
    kept, note = _read_kept(host, root, plan_path)
    notes += [note] if note else []
    notes += _open_apply(root)
    return Input(replace(host, notes=(*host.notes, *notes)), choices, kept, root, plan_path)


def _open_apply(root: Path | None) -> list[str]:
    if root is None or not (root / APPLY_DIRECTORY.relative_to("/")).exists():
        return []
    from asymgen.system.apply_folder import ApplyFolder, Phase

    if ApplyFolder(root).phase() is not Phase.PENDING:
        return []
    return ["an `asymgen apply` waits for its confirmation: what is seen here goes back if nobody confirms"]


def read_without_choices(root: Path) -> Input:
    """The live host with what is kept for it: enough to take everything away, whatever asymgen.toml says."""
    host = read_host(None, None)
    kept, _ = _read_kept(host, root, None)
    return Input(host, Choices(), kept, root, None)


def _plan_path(directory: str | None, host: Host) -> Path | None:
    if directory is None:
        return None
    if not Path(directory).is_dir():
        raise InputError(f"--plan {directory}: there is no such directory", hint="make it first, or name another")
    return Path(directory) / plan_file_name(host.hostname)


def root_of(parameters: dict[str, Any]) -> Path | None:
    """The tree of the host; None for a bare snapshot. Raises InputError where the one that was named is not there."""
    given = parameters.get("root")
    if given is None:
        return None if parameters.get("snapshot") else Path("/")
    root = Path(given)
    if not root.is_dir():
        raise InputError(f"--root {given}: there is no such directory", hint="make it first, or name another")
    return root


def read_host(snapshot: str | None, reader: str | None) -> Host:
    """The host of ``snapshot`` (a file, "-" for standard input), or the one that this runs on."""
    if snapshot is None:
        return parse_host(take_snapshot(Runner(), Path("/"), reader=reader or "auto"), origin="this host")
    if reader is not None:
        raise UsageError("--reader and --snapshot: a snapshot was read already; give one of them")
    return _read_snapshot(snapshot)


def _read_snapshot(snapshot: str) -> Host:
    from asymgen.parse_text import read_texts
    from asymgen.system.replay import finish, is_collected, tidied

    origin = "standard input" if snapshot == "-" else snapshot
    found = _load_file(Path(snapshot)) if snapshot != "-" else load_snapshot(_read_standard_input(), origin)
    if is_collected(found):
        found = read_texts(tidied(found), origin=origin)
        parse_host(found, origin=origin)  # what is no host is refused before the probe's functions look at it
        found = finish(found, origin=origin)
    return parse_host(found, origin=origin)


def _load_file(path: Path) -> dict[str, Any]:
    """A file piece by piece, since it may hold a router's routes; what is no snapshot is read again as a whole, for an
    error that says where."""
    if os.path.isfile(path):  # no error where it cannot be told: reading says what is wrong
        with suppress(ValueError, RecursionError):
            return read_snapshot(read_pieces(path))
    text = read_text(path)
    if text is None:
        raise InputError(f"{path}: there is no such file", hint="`asymgen snapshot -o FILE` makes one")
    return load_snapshot(text, str(path))


def _read_standard_input() -> str:
    return sys.stdin.buffer.read().decode("utf-8", errors="surrogateescape")


def _read_lasting(root: Path | None, config: str | None) -> dict[str, Any]:
    if config is None and root is None:
        return {}
    path = Path(config) if config is not None else Path(root or "/") / TOML_PATH.relative_to("/")
    text = read_text(path)
    if text is None and config is not None:
        raise InputError(
            f"--config {config}: there is no such file", hint="man 5 asymgen.toml says what to write there"
        )
    lasting = {} if text is None else read_toml(text, str(path))
    try:
        parse_choices(lasting)
    except UsageError as error:
        raise InputError(f"{path}: {error.message}", hint=error.hint) from error
    return lasting


def _read_kept(host: Host, root: Path | None, plan_path: Path | None) -> tuple[Kept, str]:
    path = plan_path
    if path is None:
        if root is None:
            return Kept(), ""
        path = root / PLAN_PATH.relative_to("/")
        if not path.exists():  # a package keeps the plan elsewhere
            path = root / PACKAGED_PLAN_PATH.relative_to("/")
    text = read_text(path)
    return (Kept(), "") if text is None else read_kept(text, host, str(path))
