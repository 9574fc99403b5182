"""``asymgen remove``: takes away exactly what ``detect --write`` wrote."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from asymgen.backends.base import Service
from asymgen.backends.shell import capabilities
from asymgen.backends.used import SERVICES, used_services
from asymgen.cli.inputs import Input, read_without_choices
from asymgen.cli.itself import itself
from asymgen.cli.options import ROOT, add_options
from asymgen.commands_text import commands_script
from asymgen.errors import CommandFailedError, UnsupportedError
from asymgen.leftovers import Leftovers, find_leftovers
from asymgen.model import Command, Host
from asymgen.report import printable
from asymgen.system.apply_folder import ApplyFolder
from asymgen.system.commands import Runner
from asymgen.system.files import remove_all
from asymgen.system.on_disk import read_manifest
from asymgen.system.texts import is_superuser


@click.command("remove")
@add_options(ROOT)
@click.option("--force", is_flag=True, help="Also remove files that were changed by hand; keeps a backup of each.")
def command(*, root: str | None, force: bool) -> None:
    """Take away exactly what `detect --write` wrote. Without --root, also take rules, routes, device
    groups and settings out of the running kernel.

    \b
    Example:
      asymgen remove
    """
    place = Path(root or "/")
    is_live = place.resolve() == Path("/")
    if is_live and not is_superuser():
        raise UnsupportedError("removing from / needs root", hint=f"run: sudo {itself()} remove")
    folder = ApplyFolder(place)
    _refuse_while_applying(folder)
    used = _used_services(place)
    if is_live:
        _leave_the_kernel(place, used)
    written = remove_all(place, force=force)
    if is_live:
        _run_steps(Runner(), [step for service in used for step in service.after_removal(_live_host(place))])
    for change in written.changes.pending:
        click.echo(printable(f"{change.action.value} {change.path}: {change.why}"))
    for path, backup in written.backups:
        click.echo(printable(f"backup of {path}: {backup}"))
    if not written.changes.pending:
        click.echo("nothing to remove: no file of asymgen's is here")
    folder.forget()
    written.changes.refuse_conflicts()


def _refuse_while_applying(folder: ApplyFolder) -> None:
    phase = folder.phase()
    if phase is not None and phase.is_open:
        raise UnsupportedError(
            f"{folder.path}: an apply is {phase.value}", hint=f"`{itself()} confirm` or `{itself()} revert` first"
        )


def _used_services(root: Path) -> list[Service]:
    """The watcher and the backends, as far as the manifest shows them; the watcher ends first."""
    manifest = read_manifest(root)
    files = [] if manifest is None else [entry.path for entry in manifest.files]
    return [SERVICES[name] for name in used_services(files)]


def _live_host(root: Path) -> Host:
    return read_without_choices(root).host


def _leave_the_kernel(root: Path, used: Iterable[Service]) -> None:
    """Stop what the written files started, then take out whatever is left of ours."""
    source = read_without_choices(root)
    run = Runner()
    _run_steps(run, [step for service in used for step in service.deactivation(source.host)])
    again = read_without_choices(root)
    leftovers = _leftovers(again)
    if not leftovers.is_empty:
        script = commands_script(leftovers, undo=True, protocol=capabilities(again.host).rule_protocol)
        run.run(["sh"], input=script)
    remaining = _leftovers(read_without_choices(root))
    if not remaining.is_empty:
        raise CommandFailedError("not everything could be taken out of the kernel", hint="see `ip rule`, `ip route`")
    if again.host.reader == "netifaces":
        click.echo("note: without ip(8)'s JSON it cannot be seen whether rules are left in the kernel", err=True)
    else:
        click.echo("nothing of asymgen is in the kernel")


def _leftovers(source: Input) -> Leftovers:
    return find_leftovers(source.host, source.kept)


def _run_steps(run: Runner, steps: Iterable[Command]) -> None:
    """Run them all and say what went wrong. The kernel is looked at, whatever happened."""
    for problem in (_attempt(run, step) for step in steps):
        if problem:
            click.echo(printable(f"note: {problem}"), err=True)


def _attempt(run: Runner, step: Command) -> str:
    """Run ``step``; what went wrong, in words."""
    try:
        run.run(step.argv)
    except CommandFailedError as error:
        return error.message
    return ""
