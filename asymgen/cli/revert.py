"""``asymgen revert``: undo the last apply; also what the guard and the boot hook run."""

from __future__ import annotations

import click

from asymgen.applied import Applied
from asymgen.cli.itself import itself
from asymgen.cli.reverting import ROOT, put_back
from asymgen.errors import AsymgenError, CommandFailedError, DifferencesFoundError, UnsupportedError
from asymgen.report import printable
from asymgen.system.apply_folder import ApplyFolder, Phase
from asymgen.system.guard import now, sleep_until, tell_syslog
from asymgen.system.texts import is_superuser

TRIES = 5
"""How often the guard tries to put back what could not be put back."""


@click.command("revert")
@click.option("--guard", metavar="TOKEN", hidden=True, help="Wait until the time to confirm is over, then undo.")
@click.option("--boot", is_flag=True, hidden=True, help="Undo what a reboot interrupted; called before the network.")
def command(*, guard: str | None, boot: bool) -> None:
    """Undo the last `asymgen apply`, confirmed or not: files, rules, routes, device groups and settings go back to
    what they were before it.

    \b
    Example:
      asymgen revert
    """
    if not is_superuser():
        raise UnsupportedError("revert needs root", hint=f"run: sudo {itself()} revert")
    folder = ApplyFolder(ROOT)
    if guard is not None:
        _guard(folder, guard)
    elif boot:
        why = "the host was rebooted before it was confirmed"
        _revert(folder, (Phase.PENDING, Phase.REVERTING), why=why, booting=True)
    else:
        _revert(folder, (Phase.PENDING, Phase.CONFIRMED, Phase.REVERTING), why="asymgen revert")


def _guard(folder: ApplyFolder, token: str) -> None:
    with folder.guarding() as free:
        applied = folder.read()
        if not free or applied is None or applied.token != token:
            return
        deadline = now() + applied.seconds
        while folder.phase() is Phase.PENDING and now() < deadline:
            sleep_until(min(deadline, now() + 0.5))
        # A run that is being undone elsewhere is not the guard's, unless its process died in between.
        if not folder.advance(Phase.PENDING, Phase.REVERTING):
            return
        for attempt in range(1, TRIES + 1):
            if _undone(folder, applied, attempt=attempt):
                return
            sleep_until(now() + attempt)


def _undone(folder: ApplyFolder, applied: Applied, *, attempt: int) -> bool:
    why = f"not confirmed within {applied.seconds} s"
    try:
        put_back(folder, applied, why=why)
    except AsymgenError as error:
        tell_syslog(f"undoing the apply failed ({attempt} of {TRIES}): {error.message}")
        return False
    tell_syslog(f"apply was undone: {why}")
    return True


def _revert(folder: ApplyFolder, phases: tuple[Phase, ...], *, why: str, booting: bool = False) -> None:
    applied = folder.read()
    phase = folder.phase()
    if applied is None or phase not in phases:
        told = folder.why()
        raise DifferencesFoundError(
            f"nothing to revert: the last apply went back already{f' ({told})' if told else ''}"
            if phase is Phase.REVERTED else "nothing to revert: nothing was applied here"
        )  # fmt: skip
    if phase is not Phase.REVERTING and not folder.advance(phase, Phase.REVERTING):
        raise CommandFailedError("the apply was confirmed or undone at this moment", hint="run it again")
    for problem in put_back(folder, applied, why=why, booting=booting):
        click.echo(printable(f"note: {problem}"), err=True)
    click.echo(printable(f"everything is as it was before the apply of {applied.started}"))
