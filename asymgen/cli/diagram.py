"""``asymgen diagram``: a picture of the host, as text, SVG or Mermaid."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import click

from asymgen.backends.shell import capabilities
from asymgen.cli import colours
from asymgen.cli.inputs import read_input
from asymgen.cli.options import CHOICES, INPUT, PATH, add_options
from asymgen.diagram import Diagram, draw
from asymgen.diagram_mermaid import to_mermaid
from asymgen.diagram_svg import to_svg
from asymgen.diagram_text import ASCII, NARROWEST, to_text
from asymgen.errors import UsageError
from asymgen.lowering import lower
from asymgen.planner import plan as make_plan
from asymgen.system.texts import write_text

FORMS = {".txt": "text", ".svg": "svg", ".mmd": "mermaid"}
IN_FILES = 80
"""Columns of a text in a file, whatever terminal it was made on."""


@click.command("diagram")
@add_options(*INPUT, *CHOICES)
@click.option("-o", "--output", metavar="FILE", type=PATH, help="Write to FILE.svg, FILE.txt or FILE.mmd (Mermaid).")
@click.option("--format", "form", type=click.Choice(tuple(FORMS.values())),
              help="What to draw. [by the name of FILE; text]")  # fmt: skip
def command(*, output: str | None, form: str | None, **parameters: Any) -> None:
    """Draw the host: interfaces, gateways, rules and tables, and the way of answers today and with the
    plan. Text for this terminal, SVG (light and dark), or Mermaid for documentation.

    \b
    Examples:
      asymgen diagram
      asymgen diagram --snapshot web1.json -o web1.svg
    """
    form = form or _form_of(output)
    source = read_input(parameters)
    plan = make_plan(source.host, source.choices, source.kept)
    diagram = draw(source.host, plan, lower(plan, capabilities(source.host)))
    if output is not None:
        write_text(Path(output), _as(form, diagram, width=IN_FILES))
    elif form == "text":
        _show(diagram)
    else:
        click.echo(_as(form, diagram, width=IN_FILES).encode("utf-8"), nl=False)


def _form_of(output: str | None) -> str:
    if output is None:
        return "text"
    suffix = Path(output).suffix.lower()
    if suffix not in FORMS:
        raise UsageError(
            f"-o {output}: the end of the name says what to draw: {', '.join(FORMS)}, not {suffix or 'none'}",
            hint="name it otherwise, or say it: --format svg",
        )
    return FORMS[suffix]


def _as(form: str, diagram: Diagram, *, width: int) -> str:
    if form == "svg":
        return to_svg(diagram)
    return to_mermaid(diagram) if form == "mermaid" else to_text(diagram, width=width)


def _show(diagram: Diagram) -> None:
    """On the terminal: as wide as it is, in its colours, and in characters that it has."""
    text = to_text(diagram, width=shutil.get_terminal_size((IN_FILES, 0)).columns or NARROWEST)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        text = text.translate(ASCII).encode("ascii", errors="backslashreplace").decode("ascii")
    click.echo(colours.painted_diagram(text) if colours.are_wanted(sys.stdout) else text, nl=False)
