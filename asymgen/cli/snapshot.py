"""``asymgen snapshot``: this host as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from asymgen.cli.options import PATH, READER, add_options
from asymgen.parse import snapshot_to_json
from asymgen.snapshot_script import snapshot_script
from asymgen.system.commands import Runner
from asymgen.system.probe import take_snapshot
from asymgen.system.texts import write_pieces


@click.command("snapshot")
@click.option("-o", "--output", metavar="FILE", type=PATH, help="Write to FILE instead of standard output.")
@click.option("--script", is_flag=True, help="Print a POSIX sh script that collects one on a host without asymgen.")
@add_options(READER)
def command(output: str | None, *, script: bool, reader: str | None) -> None:
    """Print this host as JSON: links, addresses, routes, rules, and who manages what.

    \b
    Examples:
      asymgen snapshot -o web1.json
      asymgen snapshot --script | ssh web2 sh > web2.json
    """
    pieces = [snapshot_script()] if script else _live_snapshot(reader or "auto")
    if output is None:
        for piece in pieces:
            click.echo(piece.encode("utf-8", errors="surrogateescape"), nl=False)
    else:
        write_pieces(Path(output), pieces)


def _live_snapshot(reader: str) -> Iterable[str]:
    return snapshot_to_json(take_snapshot(Runner(), Path("/"), reader=reader))
