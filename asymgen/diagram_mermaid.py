"""A diagram as a Mermaid flowchart, for documentation; ``templates/diagram/diagram.mmd.j2`` writes it. Pure.

https://mermaid.js.org/syntax/flowchart.html: nodes have names of ours, and every text is a quoted label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from asymgen.diagram import Diagram, Flow, Lane
from asymgen.records import record
from asymgen.templating import render


@record
class Node:
    """``name`` is one of ours; ``lines`` is what the reader sees."""

    name: str
    lines: Sequence[str]


@record
class Edge:
    start: str
    end: str
    verdict: str
    label: str = ""


@record
class Panel:
    """What Mermaid calls a subgraph. ``ways`` are keyed by family and words."""

    name: str
    title: str
    nodes: list[Node] = field(default_factory=list)
    ways: dict[tuple[int, str], Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def way(self, lane: Lane, words: str) -> Node:
        """The node of a way out, made the first time."""
        return self.ways.setdefault((lane.family, words), Node(f"{self.name}_way{len(self.ways)}", [words]))


def to_mermaid(diagram: Diagram) -> str:
    """The diagram as Mermaid's text."""
    panels = [_panel("today", "Answers today", diagram.lanes)]
    if not diagram.nothing and diagram.lanes:
        panels.append(_panel("planned", "Answers with the plan", diagram.lanes))
    return render("diagram/diagram.mmd.j2", title=diagram.title, panels=panels, others=diagram.others)


def _panel(name: str, title: str, lanes: Sequence[Lane]) -> Panel:
    panel = Panel(name, title)
    for lane in lanes:  # every uplink's own way first, so that they stand in order
        panel.way(lane, lane.way)
    for place, lane in enumerate(lanes):
        answers = lane.planned if name == "planned" else lane.today
        start = Node(f"{name}{place}", [lane.name, *lane.addresses, *answers.wrong])
        panel.nodes.append(start)
        if name == "planned":
            start = _decision(panel, lane, start)
        panel.edges.extend(_edge(panel, lane, start, flow=flow) for flow in answers.flows)
    return panel


def _decision(panel: Panel, lane: Lane, start: Node) -> Node:
    """Rules, then the table: a node each."""
    rules = Node(f"{start.name}_rules", [f"rules from {lane.sources}", *lane.rules])
    table = Node(f"{start.name}_table", [f"table {lane.table}", *lane.routes])
    panel.nodes.extend((rules, table))
    panel.edges.extend((Edge(start.name, rules.name, "right"), Edge(rules.name, table.name, "right")))
    return table


def _edge(panel: Panel, lane: Lane, start: Node, *, flow: Flow) -> Edge:
    label = f"{flow.verdict} {flow.only}: {flow.by}" if flow.only else f"{flow.verdict}: {flow.by}"
    return Edge(start.name, panel.way(lane, flow.way).name, flow.verdict, label)
