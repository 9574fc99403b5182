"""No template inserts a value without the quoting filter of its language; what needs none is listed with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jinja2
import pytest
from jinja2 import nodes

from asymgen import templating
from tests.source_tree import ROOT

QUOTING = set(templating.environment().filters) - set(jinja2.Environment(autoescape=True).filters)
"""Our own filters: one per target language."""

WITHOUT: dict[str, str] = {
    "version": "asymgen's own version",
    "protocol": "the number 97",
    "section.family": "a number of model.Family",
    "line": "quoted word by word in commands_text.py; of a spec's %files: names.check_path() refuses what needs quotes",
    "event": "up or down, from ifupdown.py",
    "number": "the number of a table",
    "name": "shared_files.table_names() leaves [A-Za-z0-9._-] alone",
    "sysctl.key": "shared_files._sysctls() refuses what sysctl.d cannot carry",
    "sysctl.value": "a digit from settings.py",
    "script": "one of two constant paths of sysv.py or shell.py",
    'groups | join(" ")': "numbers of device groups",
    "group": "the number of a device group",
    "key": "a constant word of networkd_sections.py",
    "section.name": "a constant word of networkd_sections.py",
    "section.moving": "addresses and prefixes as ipaddress prints them",
    "sibling.priorities.first": "a number",
    "sibling.priorities.last": "a number",
    "sibling.table": "a number",
    "panel.name": "a constant word of diagram_mermaid.py",
    "panels[-1].name": "the same",
    "node.name": "a word of diagram_mermaid.py with a number",
    "edge.start": "the name of a node",
    "edge.end": "the name of a node",
    "each.family": "a number of model.Family",
    "each.priorities.first": "a number",
    "each.priorities.last": "a number",
    "each.table": "a number",
    'guard.macs | join(" | ")': "contents.guard_of() lets hexadecimal digits and colons through, nothing else",
    "part_of": "one of two constant names of shell.py",
    "objects": "words of watcher.py for ip monitor",
    "question.family": "a number of model.Family",
    "unit": "the name of one of our own units",
    "installed_size": "a number",
    "date": "documents.py makes it of a number",
}
CONSTANT_TEMPLATES = {"snapshot/snapshot.sh.j2": "made of constants of snapshot_script.py: it knows no host"}
"""Templates in which nothing comes from a host."""


def names() -> list[str]:
    return sorted(str(path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").glob("*/*.j2"))


def insertions(text: str) -> Iterator[tuple[str, nodes.Expr]]:
    """Each ``{{ expression }}`` as its text and its tree."""
    for found in re.finditer(r"\{\{-?(.*?)-?\}\}", text, re.DOTALL):
        tree = templating.environment().parse(found.group())
        yield from ((found[1].strip(), node) for output in tree.find_all(nodes.Output) for node in output.nodes)


def is_quoted(node: nodes.Expr) -> bool:
    if isinstance(node, nodes.CondExpr):
        return is_quoted(node.expr1) and (node.expr2 is None or is_quoted(node.expr2))
    return isinstance(node, nodes.Const) or (isinstance(node, nodes.Filter) and node.name in QUOTING)


def unquoted(text: str) -> list[str]:
    return [expression for expression, node in insertions(text) if not is_quoted(node)]


@pytest.mark.parametrize("name", names())
def test_every_value_has_a_filter_or_a_reason(name: str) -> None:
    if name in CONSTANT_TEMPLATES:
        return
    text = (ROOT / "templates" / name).read_text(encoding="utf-8")
    assert [expression for expression in unquoted(text) if expression not in WITHOUT] == []


def test_no_reason_is_left_over() -> None:
    texts = [
        (ROOT / "templates" / name).read_text(encoding="utf-8") for name in names() if name not in CONSTANT_TEMPLATES
    ]
    used = {expression for text in texts for expression in unquoted(text)}
    assert set(WITHOUT) - used == set()
    assert set(CONSTANT_TEMPLATES) <= set(names())


def test_there_are_filters() -> None:
    assert {"sh", "comment"} <= QUOTING


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ a | sh }} {{ b | comment }}", []),
        ("{{ a }}{{ b.c }}", ["a", "b.c"]),
        ("{{ a | sh | upper }}", ["a | sh | upper"]),
        ("{{ a | upper | sh }}", []),
        ('{{ "x" if a else "y" }}{{ a if a else "y" }}', ['a if a else "y"']),
        ("{% if a %}{{- a -}}{% endif %}", ["a"]),
    ],
)
def test_the_search_itself_finds(text: str, found: list[str]) -> None:
    assert unquoted(text) == found
