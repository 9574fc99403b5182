"""``asymgen detect`` with several snapshots: a line for each host, and a host that fails does not stop the rest."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from asymgen.changes import Changes
from asymgen.cli import colours
from asymgen.cli.inputs import input_of, read_host, root_of
from asymgen.cli.outcome import document_of, preview_of, write
from asymgen.detection import Detection, detect
from asymgen.errors import AsymgenError, DifferencesFoundError, InputError, UsageError
from asymgen.json_text import write_json
from asymgen.model import Host
from asymgen.planfile import host_folder
from asymgen.records import record
from asymgen.report import failure_document, host_row, printable, table
from asymgen.system.tree import naming


@record
class Outcome:
    """Of one snapshot: either what was found on its host, or what went wrong."""

    snapshot: str
    detection: Detection | None = None
    changes: Changes | None = None
    error: AsymgenError | None = None

    @property
    def differs(self) -> bool:
        """Whether something is wrong on the host, or to be written."""
        return bool(
            (self.detection is not None and self.detection.problems)
            or (self.changes is not None and self.changes.pending)
        )


def report_many(parameters: dict[str, Any], *, writing: bool, check: bool, form: str, force: bool) -> None:
    """Report each of ``parameters["snapshot"]``; with ``writing``, write below ``--root``, a folder for each host.

    Raises at the end: what the worst host failed with, or with ``check`` that something is to be done.
    """
    gc.enable()  # main() does without; hundreds of hosts leave some
    root_of(parameters)
    hosts = {name: _read(name, parameters.get("reader")) for name in dict.fromkeys(parameters["snapshot"])}
    if parameters.get("root") is not None or parameters.get("plan") is not None:
        _refuse_namesakes(hosts)
    outcomes = (_outcome(name, host, parameters, writing=writing, force=force) for name, host in hosts.items())
    show = _show_documents if form == "json" else _show_lines
    failures, different = show(outcomes, writing=writing)
    _refuse_failures(failures, of=len(hosts))
    if check and different:
        raise DifferencesFoundError(f"{different} of {len(hosts)} hosts: answers go wrong, or files are to be written")


def _read(snapshot: str, reader: str | None) -> Host | AsymgenError:
    try:
        return read_host(snapshot, reader)
    except UsageError:  # of the command line, not of this file
        raise
    except AsymgenError as error:
        return error
    except RecursionError:
        return InputError(f"{snapshot}: nested too deeply to be read")


def _refuse_namesakes(hosts: dict[str, Host | AsymgenError]) -> None:
    """Before anything is written: two hosts would share a folder or a plan."""
    owners: dict[str, str] = {}
    for snapshot, host in hosts.items():
        if isinstance(host, Host):
            other = owners.setdefault(host_folder(host.hostname), snapshot)
            if other != snapshot:
                raise UsageError(
                    f"{other} and {snapshot}: both are of a host called {host.hostname or '(without a name)'}",
                    hint="give one of them in a run of its own",
                )


def _outcome(
    snapshot: str, host: Host | AsymgenError, parameters: dict[str, Any], *, writing: bool, force: bool
) -> Outcome:
    if isinstance(host, AsymgenError):
        return Outcome(snapshot, error=host)
    try:
        return _detected(snapshot, host, parameters, writing=writing, force=force)
    except AsymgenError as error:
        return Outcome(snapshot, error=error)


def _detected(snapshot: str, host: Host, parameters: dict[str, Any], *, writing: bool, force: bool) -> Outcome:
    below = None if parameters.get("root") is None else Path(parameters["root"], host_folder(host.hostname))
    there = below is not None and below.is_dir()
    source = input_of(host, parameters, root=below if there else None)
    detection = detect(source.host, source.choices, source.kept)
    if not writing or below is None or not (detection.files or there):  # no folder for a host without files
        return Outcome(snapshot, detection, preview_of(source, detection, force=force))
    with naming(below, "make the directory"):
        below.mkdir(exist_ok=True)
    return Outcome(snapshot, detection, write(source, detection, root=below, force=force).changes)


def _show_lines(outcomes: Iterable[Outcome], *, writing: bool) -> tuple[list[Outcome], int]:
    rows: list[tuple[str, ...]] = []
    failures, different = [], 0
    for one in outcomes:
        if one.detection is None or one.changes is None:
            failures.append(one)
            rows.append((one.snapshot, "failed", str(one.error)))
        else:
            different += one.differs
            rows.append(host_row(one.detection, one.changes, name=one.snapshot, written=writing))
    text = printable("\n".join(table(rows)))
    click.echo(colours.painted_table(text) if colours.are_wanted(sys.stdout) else text)
    return failures, different


def _show_documents(outcomes: Iterable[Outcome], *, writing: bool) -> tuple[list[Outcome], int]:  # noqa: ARG001
    """A JSON array, written host by host: those of 300 hosts need not fit into memory at once."""
    failures, different = [], 0
    separator = "[\n"
    for one in outcomes:
        if one.detection is None or one.changes is None:
            failures.append(one)
            document = failure_document(one.snapshot, one.error or InputError("unknown"))
        else:
            different += one.differs
            document = {**document_of(one.detection, one.changes), "snapshot": one.snapshot}
        click.echo(separator, nl=False)
        write_json(document, sys.stdout.write)
        separator = ",\n"
    click.echo("\n]")
    return failures, different


def _refuse_failures(failures: Sequence[Outcome], *, of: int) -> None:
    """End with the highest of the failures' exit codes."""
    errors = [one.error for one in failures if one.error is not None]
    if errors:
        worst = max(errors, key=lambda error: error.exit_code)
        named = ", ".join(one.snapshot for one in failures)
        raise type(worst)(f"{len(failures)} of {of} snapshots failed: {named}", hint="The others are done.")
