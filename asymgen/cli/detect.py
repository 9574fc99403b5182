"""``asymgen detect``: what is wrong, what would be written; with ``--write``, write it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asymgen.backends import BACKENDS, networkd, watcher
from asymgen.backends.base import Service
from asymgen.changes import Action, Changes
from asymgen.cli import colours, outcome
from asymgen.cli.inputs import Input, read_input
from asymgen.cli.itself import itself
from asymgen.cli.options import BACKEND, CHOICES, READER, ROOT, SNAPSHOTS, add_options, repeated_choices
from asymgen.detection import Detection, detect
from asymgen.errors import DifferencesFoundError, UnsupportedError, UsageError
from asymgen.model import PROTOCOL, RuleAction
from asymgen.report import printable, report_lines
from asymgen.system.texts import is_superuser

if TYPE_CHECKING:
    from asymgen.system.files import Written


@click.command("detect")
@add_options(SNAPSHOTS, READER, *CHOICES, BACKEND)
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
      asymgen detect --snapshot web1.json --snapshot web2.json
    """
    _refuse_contradictions(parameters, write=write, check=check)
    snapshots = parameters["snapshot"]
    if len(snapshots) > 1:
        from asymgen.cli.many import report_many

        report_many(parameters, writing=write, check=check, form=form, force=force)
        return
    source = read_input({**parameters, "snapshot": snapshots[0] if snapshots else None})
    detection = detect(source.host, source.choices, source.kept)
    if write:
        assert source.root is not None  # noqa: S101 - _refuse_contradictions saw to it
        written = outcome.write(source, detection, root=source.root, force=force)
        if form == "json":
            _show_json(detection, written.changes)
        else:
            click.echo(_what_was_written(source, detection, written, parameters))
        return
    changes = outcome.preview_of(source, detection, force=force)
    if form == "json":
        _show_json(detection, changes)
    else:
        lines = report_lines(detection, changes)
        show_lines(colours.painted_report(lines) if colours.are_wanted(sys.stdout) else lines)
    if check:
        _tell_differences(source, detection, changes, parameters)


def show_lines(lines: Iterator[str]) -> None:
    """Print a report of any length, a thousand lines at a time."""
    while batch := list(islice(lines, 1000)):
        click.echo("\n".join(batch))


def _tell_differences(source: Input, detection: Detection, changes: Changes, parameters: dict[str, Any]) -> None:
    from asymgen.leftovers import find_leftovers

    stale = find_leftovers(source.host, source.kept, wanted=detection.state)
    if changes.pending or detection.problems or not stale.is_empty:
        old = "" if stale.is_empty else ", and an earlier plan's rules or settings in the kernel"
        raise DifferencesFoundError(
            f"{len(detection.problems)} wrong answers, {len(changes.pending)} files to be written{old}",
            hint=_advice_on_files(changes, parameters)
            if changes.pending
            else _advice_on_kernel(source, detection, parameters, clean=stale.is_empty),
        )


def _advice_on_kernel(source: Input, detection: Detection, parameters: dict[str, Any], *, clean: bool) -> str:
    """What to type where every file is as it should be."""
    remaining = set(detection.remaining)
    foreign = [problem for problem in detection.problems if problem in remaining]
    if clean and len(foreign) == len(detection.problems):
        words = [word for file in parameters["snapshot"] for word in ("--snapshot", file)]
        explain = shlex.join(["explain", *words, str(foreign[0].source), str(foreign[0].destination)])
        return f"a rule or route of somebody else decides before ours: `{itself()} {explain}` names it"
    if source.root != Path("/") or parameters["snapshot"]:
        return f"the files below {source.root} take effect on the host that they are for"
    if _sets_rules(detection):
        return f"`{_repeated('commands', parameters)} | sh` puts the kernel right"
    return f"`{_repeated('detect', parameters, '--write')}` lists the steps that put the kernel right"


def _sets_rules(detection: Detection) -> bool:
    """Whether rules of ``commands`` may stand in the kernel: systemd-networkd sets rules of its own protocol, and
    those would stand beside them."""
    return not detection.backends or any(use.name != networkd.NAME for use in detection.backends)


def _advice_on_files(changes: Changes, parameters: dict[str, Any]) -> str:
    """What to type for the same host and by the same choices."""
    snapshots, root = parameters["snapshot"], parameters["root"]
    words = [word for file in snapshots for word in ("--snapshot", file)]
    words += ["--root", root or "DIR"] if snapshots or root else []
    words += [word for backend in parameters["backend"] for word in ("--backend", backend)]
    writing = f"`{_repeated('detect', parameters, '--write', *words)}`"
    if changes.conflicts:
        return f"{writing} leaves a file that is in the way alone: move it away, or add --force"
    return f"{writing} writes the files"


def _repeated(command: str, parameters: dict[str, Any], *more: str) -> str:
    """``command`` as a person types it, with the choices of this call."""
    return " ".join([itself(), command, *map(shlex.quote, (*repeated_choices(parameters), *more))])


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
        raise UnsupportedError("writing below / needs root", hint=f"run: sudo {itself()} {shlex.join(sys.argv[1:])}")


def _show_json(detection: Detection, changes: Changes) -> None:
    from asymgen.json_text import write_json

    write_json(outcome.document_of(detection, changes), sys.stdout.write)
    click.echo()


def _what_was_written(source: Input, detection: Detection, written: Written, parameters: dict[str, Any]) -> str:
    pending = written.changes.pending
    lines = [f"{change.action.value} {change.path}: {change.why}" for change in pending]
    lines += [f"backup of {path}: {backup}" for path, backup in written.backups]
    if not pending:
        lines.append("nothing to write: every file is as it should be" if detection.files else "nothing to do")
    lines += [f"unresolved: {one.interface}, IPv{one.family.value}: {one.why}" for one in detection.plan.unresolved]
    lines += [f"note: {note}" for note in detection.notes]
    if (pending and detection.plan.nothing_to_do) or detection.backends:
        lines += ["", *_next_steps(source, detection, parameters)]
        lines += [f"  {step}   # {name} is no longer used here" for name, step in _retiring(source, written)]
    return printable("\n".join(lines))


def _next_steps(source: Input, detection: Detection, parameters: dict[str, Any]) -> list[str]:
    """What a person types next; safe over SSH, since no interface goes down."""
    if source.root != Path("/"):
        return [f"The files lie below {source.root}; they take effect on the host that they are for.",
                *_image_steps(source, detection)]  # fmt: skip
    steps = []
    if _sets_rules(detection):
        steps.append((f"{_repeated('commands', parameters)} | sh", "put it into the running kernel now"))
    for use in detection.backends:
        steps += [(shlex.join(step.argv), step.why) for step in BACKENDS[use.name].activation(detection.host)]
    steps += [(shlex.join(step.argv), step.why) for step in watcher.activation(detection.host, detection.state)]
    if doubled_rules(detection):
        flush = f"ip -4 rule flush protocol {PROTOCOL}; ip -6 rule flush protocol {PROTOCOL}"
        steps.append((flush, "rules of another backend: systemd-networkd has its own now"))
    heading = "The running network is untouched. Next, as root, safe over SSH:"
    return [heading, *(f"  {step}   # {why}" for step, why in steps)]


def doubled_rules(detection: Detection) -> bool:
    """Whether rules that a script put there would stand beside those of systemd-networkd, which alone is left."""
    only = {use.name for use in detection.backends} == {networkd.NAME}
    ours = (rule for rule in detection.host.rules if rule.protocol == PROTOCOL)
    return only and any(rule.action is not RuleAction.GOTO for rule in ours)  # jumps may be a watcher's


_ENABLING = (("update-rc.d",), ("chkconfig",), ("systemctl", "enable"))
"""Commands that change links in the tree alone, and need no running init."""


def _image_steps(source: Input, detection: Detection) -> list[str]:
    """What the image needs beside the files, so that its first boot finds them."""
    steps = [step for use in detection.backends for step in BACKENDS[use.name].activation(detection.host)]
    wanted = [step for step in steps if any(step.argv[: len(start)] == start for start in _ENABLING)]
    root = shlex.quote(str(source.root))
    lines = [f"  chroot {root} {shlex.join(step.argv)}   # {step.why}" for step in wanted]
    return ["If it is the tree of that host (an image), also, as root:", *lines] if lines else []


def _retiring(source: Input, written: Written) -> Iterator[tuple[str, str]]:
    """What undoes the boot entry of a backend whose files just went; its own script went with them."""
    if source.root != Path("/"):
        return
    gone = [change.path for change in written.changes.pending if change.action is Action.DELETE]
    services: list[tuple[str, Service]] = [(f"the {name} backend", backend) for name, backend in BACKENDS.items()]
    for name, service in [*services, (watcher.NAME, watcher)]:
        if any(path.match(str(service.MARK)) for path in gone):
            for step in (*service.deactivation(source.host), *service.after_removal(source.host)):
                if step.argv[0] not in map(str, gone):
                    yield name, shlex.join(step.argv)
