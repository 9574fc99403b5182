"""``asymgen detect``: what is wrong, what would be written; with ``--write``, write it."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from asymgen.backends import BACKENDS
from asymgen.backends.shell import capabilities
from asymgen.changes import Changes, plan_changes
from asymgen.cli.inputs import Input, read_input
from asymgen.cli.options import BACKEND, CHOICES, INPUT, ROOT, add_options
from asymgen.commands_text import ip_commands
from asymgen.detection import Detection, detect
from asymgen.errors import DifferencesFoundError, UnsupportedError, UsageError
from asymgen.lowering import lower
from asymgen.model import KernelState, RenderedFile
from asymgen.planfile import PLAN_PATH
from asymgen.report import printable, to_document, to_text
from asymgen.system.commands import Runner
from asymgen.system.files import Written, preview, write_files
from asymgen.system.relabel import relabel_with
from asymgen.system.texts import is_superuser, write_text


@click.command("detect")
@add_options(*INPUT, *CHOICES, BACKEND)
@click.option("--write", is_flag=True, help="Write the files. Does not touch the running network.")
@click.option("--check", is_flag=True, help="Exit with 1 when something is wrong or to be written.")
@add_options(ROOT)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True,
              help="The report for people, or one for programs (docs/json.md).")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite files changed by hand or by others; keeps a backup of each.")
def command(*, write: bool, check: bool, form: str, force: bool, **parameters: Any) -> None:
    """Show what each interface is, what is wrong with the host's answers today, and what would be
    written to mend it. Changes nothing without --write.

    \b
    Examples:
      asymgen detect
      asymgen detect --gateway eth1=198.51.100.1 --write
      asymgen detect --snapshot web1.json --format json
    """
    _refuse_contradictions(parameters, write=write, check=check)
    source = read_input(parameters)
    detection = detect(source.host, source.choices, source.kept)
    if write:
        written = _write(source, detection, force=force)
        document = form == "json"
        click.echo(_as_json(detection, written.changes) if document else _what_was_written(source, detection, written))
        return
    changes = _preview(source, detection, force=force)
    click.echo(_as_json(detection, changes) if form == "json" else to_text(detection, changes), nl=form == "json")
    if check and (changes.pending or detection.problems):
        raise DifferencesFoundError(
            f"{len(detection.problems)} wrong answers, {len(changes.pending)} files to be written",
            hint="`asymgen detect --write` writes them",
        )


def _refuse_contradictions(parameters: dict[str, Any], *, write: bool, check: bool) -> None:
    root = parameters.get("root")
    if write and check:
        raise UsageError("--write and --check: give one of them")
    if write and parameters.get("snapshot") and root is None:
        raise UsageError(
            "--write with --snapshot: files of another host do not belong into this machine's /",
            hint="name a directory for them: --root DIR",
        )
    if write and not is_superuser() and Path(root or "/").resolve() == Path("/"):
        itself = [str(Path(sys.argv[0]).resolve()), *sys.argv[1:]]
        raise UnsupportedError("writing below / needs root", hint=f"run: sudo {shlex.join(itself)}")


def _wanted(source: Input, detection: Detection) -> tuple[RenderedFile, ...]:
    """The files of the host: with ``--plan DIR``, the plan is kept there instead."""
    if source.plan_path is None:
        return detection.files
    return tuple(file for file in detection.files if file.path != PLAN_PATH)


def _preview(source: Input, detection: Detection, *, force: bool) -> Changes:
    wanted = _wanted(source, detection)
    if source.root is None:
        return plan_changes(wanted, {file.path: None for file in wanted}, manifest=None)
    return preview(source.root, wanted, force=force)


def _write(source: Input, detection: Detection, *, force: bool) -> Written:
    assert source.root is not None  # noqa: S101 - _refuse_contradictions saw to it
    # Below another root, this machine's policy has nothing to say.
    relabel = relabel_with(Runner()) if source.root == Path("/") else None
    written = write_files(source.root, _wanted(source, detection), force=force, relabel=relabel)
    plan = next((file.text for file in detection.files if file.path == PLAN_PATH), None)
    if source.plan_path is not None and plan is not None:
        write_text(source.plan_path, plan)
    return written


def _as_json(detection: Detection, changes: Changes) -> str:
    document = to_document(detection, changes, ip_commands(_plain_state(detection)))
    return json.dumps(document, indent=2, ensure_ascii=True)


def _plain_state(detection: Detection) -> KernelState:
    """The plan as ip(8) on that host can hold it, whatever the backends express."""
    return lower(detection.plan, capabilities(detection.host))


def _what_was_written(source: Input, detection: Detection, written: Written) -> str:
    pending = written.changes.pending
    lines = [f"{change.action.value} {change.path}: {change.why}" for change in pending]
    lines += [f"backup of {path}: {backup}" for path, backup in written.backups]
    if not pending:
        lines.append("nothing to write: every file is as it should be" if detection.files else "nothing to do")
    lines += [f"note: {note}" for note in detection.notes]
    if detection.files:
        lines += ["", *_next_steps(source, detection)]
    return printable("\n".join(lines))


def _next_steps(source: Input, detection: Detection) -> list[str]:
    """What a person types next; safe over SSH, since no interface goes down."""
    if source.root != Path("/"):
        return [f"The files lie below {source.root}; they take effect on the host that they are for."]
    steps = [(f"{shlex.quote(str(Path(sys.argv[0]).resolve()))} commands | sh", "put it into the running kernel now")]
    for use in detection.backends:
        steps += [(shlex.join(step.argv), step.why) for step in BACKENDS[use.name].activation(detection.host)]
    heading = "The running network is untouched. Next, as root, safe over SSH:"
    return [heading, *(f"  {step}   # {why}" for step, why in steps)]
