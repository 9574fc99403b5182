"""``asymgen commands``: the plan as ip commands for sh."""

from __future__ import annotations

from typing import Any

import click

from asymgen.backends.shell import capabilities
from asymgen.cli.inputs import read_input
from asymgen.cli.options import CHOICES, INPUT, add_options
from asymgen.commands_text import commands_script
from asymgen.leftovers import find_leftovers
from asymgen.lowering import lower
from asymgen.planner import plan as make_plan
from asymgen.report import printable


@click.command("commands")
@add_options(*INPUT, *CHOICES)
@click.option("--undo", is_flag=True, help="Print the commands that take the plan out of the kernel.")
def command(*, undo: bool, **parameters: Any) -> None:
    """Print the plan as ip commands for sh. They can be run again, and over SSH: nothing goes down.

    \b
    Example:
      asymgen commands | sh
    """
    source = read_input(parameters)
    plan = make_plan(source.host, source.choices, source.kept)
    can = capabilities(source.host)
    state = lower(plan, can)
    for note in (*plan.notes, *state.notes):
        click.echo(printable(f"note: {note}"), err=True)
    for one in plan.unresolved:
        click.echo(printable(f"unresolved: {one.interface}, IPv{one.family.value}: {one.why}"), err=True)
    if plan.nothing_to_do:
        click.echo("nothing to do: fewer than two uplinks, and no tunnel that takes replies away", err=True)
    stale = find_leftovers(source.host, source.kept, wanted=state)
    script = commands_script(state, undo=undo, protocol=can.rule_protocol, stale=stale)
    click.echo(script.encode("utf-8", errors="surrogateescape"), nl=False)
