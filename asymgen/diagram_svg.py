"""A diagram as SVG: where each box, arrow and word stands; ``templates/diagram/diagram.svg.j2`` writes it. Pure.

Three columns: the addresses that answers come from, what decides, and the ways out. Lengths are in pixels. No font
is measured: the monospace fonts that the template names are all 0.6 em wide.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from asymgen.diagram import Answers, Diagram, Flow, Lane
from asymgen.records import record
from asymgen.templating import render

LETTER, LINE, PADDING, GAP, MARGIN = 6.65, 16, 8, 14, 24
ADDRESSES, DECISION, WAYS = (24, 240), (308, 452), (806, 220)
"""Left edge and width of each column."""
WIDTH = WAYS[0] + WAYS[1] + MARGIN
BEND = 130
"""How far before its end an arrow leaves the horizontal."""


@record
class Text:
    left: float
    base: float
    words: str
    kind: str = "plain"


@record
class Box:
    left: float
    top: float
    width: float
    height: float
    kind: str = "box"

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


@record
class Arrow:
    path: str
    kind: str


class Picture:
    """Shapes, collected from top to bottom."""

    def __init__(self, diagram: Diagram) -> None:
        self.title = diagram.title
        self.description = " ".join(_described(diagram))
        self.width = WIDTH
        self.height: float = MARGIN
        self.boxes: list[Box] = []
        self.dividers: list[Box] = []
        self.arrows: list[Arrow] = []
        self.texts: list[Text] = []

    def heading(self, words: str) -> None:
        self.texts.append(Text(MARGIN, self.height + 15, _fitted(words, 100), "heading"))
        self.height += 15 + GAP

    def lines(self, texts: Iterable[str], kind: str = "plain") -> None:
        """Running text over the whole width."""
        for text in texts:
            for words in _wrapped(text, WIDTH - 2 * MARGIN):
                self.texts.append(Text(MARGIN, self.height + 12, words, kind))
                self.height += LINE

    def box(self, column: tuple[int, int], middle: float, *, sections: Sequence[Section], kind: str = "box") -> Box:
        """A box with sections, a line between two; ``middle`` is the height of its centre."""
        left, width = column
        height = _height(sections)
        made = Box(left, middle - height / 2, width, height, kind)
        self.boxes.append(made)
        base = made.top
        for place, section in enumerate(sections):
            if place:
                self.dividers.append(Box(left, base, width, 0))
            for line in section:
                base += LINE
                self.texts.append(Text(left + PADDING, base, line.words, line.kind))
            base += PADDING
        return made

    def arrow(self, start: tuple[float, float], end: Box, *, kind: str) -> None:
        """From ``start`` level to the right, then to the left edge of ``end``."""
        left, top = start
        bend = max(left, end.left - BEND)
        half = (bend + end.left) / 2
        curve = f"M{left:g},{top:g} H{bend:g} C{half:g},{top:g} {half:g},{end.middle:g} {end.left:g},{end.middle:g}"
        self.arrows.append(Arrow(curve, kind))


@record
class Line:
    words: str
    kind: str = "plain"


Section = Sequence[Line]


def to_svg(diagram: Diagram) -> str:
    """The diagram as an SVG document: complete in itself, for light and dark pages."""
    picture = Picture(diagram)
    picture.heading(f"{diagram.title}: answers today")
    _draw_panel(picture, diagram.lanes, planned=False)
    if diagram.nothing:
        picture.heading("Nothing to do")
        picture.lines([diagram.nothing])
        picture.height += GAP
    elif diagram.lanes:
        picture.heading("Answers with the plan")
        _draw_panel(picture, diagram.lanes, planned=True)
    if diagram.others:
        picture.heading("Other interfaces, reached as before")
        picture.lines(diagram.others)
        picture.height += GAP
    picture.lines(_legend(diagram), "note")
    picture.height += MARGIN
    return render("diagram/diagram.svg.j2", picture=picture)


def _legend(diagram: Diagram) -> list[str]:
    if not diagram.lanes:
        return ["no uplink found"]
    asked = ", ".join(diagram.asked)
    return [
        "Arrows: answers to far away, solid where they leave by the interface whose address they carry, else dashed.",
        f"Asked, by a model of the kernel's lookup, for {asked}.",
        *diagram.groups,
    ]


def _described(diagram: Diagram) -> Iterator[str]:
    """For those who cannot see the picture."""
    for lane in diagram.lanes:
        for when, answers in (("today", lane.today), ("with the plan", lane.planned)):
            for flow in answers.flows:
                yield f"Answers of {lane.name} leave by {flow.way} {when}: {flow.verdict}."


# --- panels --------------------------------------------------------------------------------------


def _draw_panel(picture: Picture, lanes: Sequence[Lane], *, planned: bool) -> None:
    """A row for each uplink, then the ways that are nobody's own, then the arrows between them."""
    ways: dict[tuple[int, str], Box] = {}
    starts: list[tuple[Lane, Flow, tuple[float, float]]] = []
    for lane in lanes:
        answers = lane.planned if planned else lane.today
        sections = _decision(lane) if planned else ()
        height = max(_height(_addresses(lane)), _height(_way(lane.way)), _height(sections), _label_height(answers))
        middle = picture.height + height / 2
        source = picture.box(ADDRESSES, middle, sections=_addresses(lane))
        ways[lane.family, lane.way] = picture.box(WAYS, middle, sections=_way(lane.way), kind="way")
        if planned:
            decision = picture.box(DECISION, middle, sections=sections)
            for flow in answers.flows[:1]:
                picture.arrow((source.right, middle), decision, kind=flow.verdict)
            starts += [(lane, flow, (decision.right, middle)) for flow in answers.flows]
        else:
            starts += _label(picture, lane, source)
        picture.height += height + GAP
    for lane, flow, _ in starts:
        if (lane.family, flow.way) not in ways:
            height = _height(_way(flow.way))
            middle = picture.height + height / 2
            ways[lane.family, flow.way] = picture.box(WAYS, middle, sections=_way(flow.way), kind="elsewhere")
            picture.height += height + GAP
    for lane, flow, start in starts:
        picture.arrow(start, ways[lane.family, flow.way], kind=flow.verdict)
    picture.height += GAP


def _label(picture: Picture, lane: Lane, source: Box) -> list[tuple[Lane, Flow, tuple[float, float]]]:
    """Over each arrow what decides; below the last one what goes wrong besides. Returns where arrows start."""
    starts = []
    base = source.middle - LINE * max(len(lane.today.flows) - 1, 0) / 2
    for flow in lane.today.flows:
        picture.texts.append(Text(DECISION[0], base - 4, _fitted(_flow_words(flow), 52), f"label {flow.verdict}"))
        starts.append((lane, flow, (source.right, base)))
        base += LINE
    for words in lane.today.wrong:
        picture.texts.append(Text(DECISION[0], base, _fitted(words, 52), "label wrong"))
        base += LINE
    return starts


def _flow_words(flow: Flow) -> str:
    return f"{flow.verdict} {flow.only}: {flow.by}" if flow.only else f"{flow.verdict}: {flow.by}"


def _label_height(answers: Answers) -> float:
    """Twice what is needed below the middle: arrows stand around it, other words below."""
    return LINE * (len(answers.flows) + 2 * len(answers.wrong)) + PADDING


def _addresses(lane: Lane) -> Sequence[Section]:
    return [[*_lines([lane.name], ADDRESSES, "name"), *_lines(lane.addresses, ADDRESSES)]]


def _way(way: str) -> Sequence[Section]:
    interface, _, rest = way.partition(" ")
    return [[*_lines([interface], WAYS, "name"), *_lines([rest], WAYS)]]


def _decision(lane: Lane) -> Sequence[Section]:
    """The rules, the table, and what stays wrong."""
    rules = [*_lines([f"rules from {lane.sources}"], DECISION, "name"), *_lines(lane.rules, DECISION)]
    routes = [*_lines([f"table {lane.table}"], DECISION, "name"), *_lines(lane.routes, DECISION)]
    wrong = [_flow_words(flow) for flow in lane.planned.flows if not flow.right]
    wrong += lane.planned.wrong
    return [section for section in (rules, routes, _lines(wrong, DECISION, "wrong")) if section]


# --- text ----------------------------------------------------------------------------------------


def _height(sections: Sequence[Section]) -> float:
    return sum(LINE * len(section) + PADDING for section in sections)


def _lines(texts: Iterable[str], column: tuple[int, int], kind: str = "plain") -> list[Line]:
    return [Line(words, kind) for text in texts for words in _wrapped(text, column[1] - 2 * PADDING)]


def _wrapped(text: str, width: float) -> list[str]:
    return textwrap.wrap(text, int(width / LETTER), subsequent_indent="    ", break_on_hyphens=False)


def _fitted(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"
