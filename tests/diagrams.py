"""Diagrams of cases and of made-up hosts, and what can be read back out of a drawn one."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # the documents are our own, of a moment ago
from collections.abc import Iterator

from asymgen.backends.shell import capabilities
from asymgen.diagram import Diagram, draw
from asymgen.lowering import lower
from asymgen.model import Choices, Host
from asymgen.parse import parse_host
from asymgen.planner import plan as make_plan
from tests.case_files import CASES, choices_of

SVG = "{http://www.w3.org/2000/svg}"


def diagram_of(host: Host, choices: Choices | None = None) -> Diagram:
    """What ``asymgen diagram`` draws of ``host``."""
    plan = make_plan(host, choices or Choices())
    return draw(host, plan, lower(plan, capabilities(host)))


def case_diagram(name: str) -> Diagram:
    """The diagram of a case, with its choices."""
    case = next(case for case in CASES if case.name == name)
    return diagram_of(parse_host(case.snapshot, origin=name), choices_of(case))


def texts_of(svg: str) -> list[str]:
    """The words of an SVG picture, in the order drawn."""
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - our own


def shapes_of(svg: str, name: str, kind: str = "") -> Iterator[ET.Element]:
    """The elements called ``name`` whose class holds ``kind``."""
    for element in ET.fromstring(svg).iter(f"{SVG}{name}"):  # noqa: S314 - our own
        if not kind or kind in element.get("class", "").split():
            yield element


def colours_of(svg: str) -> tuple[dict[str, str], dict[str, str]]:
    """``selector property`` to colour, on light pages and on dark ones."""
    style = "".join(element.text or "" for element in shapes_of(svg, "style"))
    light, _, dark = style.partition("@media (prefers-color-scheme: dark)")
    found = dict(_rules(light))
    return found, {**found, **dict(_rules(dark))}


def _rules(style: str) -> Iterator[tuple[str, str]]:
    for selector, body in re.findall(r"([\w. -]+) \{ ([^{}]*) \}", style):
        for name, colour in re.findall(r"(fill|stroke): (#[0-9a-f]{6})", body):
            yield f"{selector.strip()} {name}", colour


def contrast(first: str, second: str) -> float:
    """WCAG 2's contrast ratio of two colours, 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
