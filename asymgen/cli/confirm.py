"""``asymgen confirm``: keep what `asymgen apply` put in place."""

from __future__ import annotations

import click

from asymgen.cli.apply import keep
from asymgen.cli.itself import itself
from asymgen.cli.reverting import ROOT, finish_interrupted
from asymgen.errors import DifferencesFoundError, UnsupportedError
from asymgen.report import printable
from asymgen.system.apply_folder import ApplyFolder, Phase
from asymgen.system.texts import is_superuser


@click.command("confirm")
def command() -> None:
    """Keep what `asymgen apply` put in place. Type it in a new session: that you got in is the proof.

    \b
    Example:
      asymgen confirm
    """
    if not is_superuser():
        raise UnsupportedError("confirm needs root", hint=f"run: sudo {itself()} confirm")
    folder = ApplyFolder(ROOT)
    finished = finish_interrupted(folder)
    if finished:
        raise DifferencesFoundError(f"nothing to confirm: {finished}")
    phase = folder.phase()
    if phase is Phase.PENDING and keep(folder):
        click.echo("confirmed: it stays")
    elif folder.phase() is Phase.CONFIRMED:
        click.echo("nothing to do: it was confirmed already")
    else:
        raise DifferencesFoundError(printable(_nothing(folder)))


def _nothing(folder: ApplyFolder) -> str:
    why = folder.why()
    if folder.phase() in (Phase.REVERTING, Phase.REVERTED):
        return f"nothing to confirm: the last apply went back{f' ({why})' if why else ''}"
    return "nothing to confirm: no apply is waiting"
