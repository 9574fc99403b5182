"""A diagram for a terminal: frames of box-drawing characters, never wider than asked. Pure."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from asymgen.diagram import Answers, Diagram, Flow, Lane

NARROWEST, WIDEST = 60, 100
"""Columns: less cannot hold a rule beside its frame, more is hard to read."""

ASCII = str.maketrans({"─": "-", "│": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+",
                       "▶": ">", "→": ">", "…": "."})  # fmt: skip
_ARROW = 15
"""Columns of ``├── wrong ──▶ `` and the blank after it."""


def to_text(diagram: Diagram, *, width: int) -> str:
    """The diagram in at most ``width`` columns, but no less than 60."""
    width = max(NARROWEST, min(width, WIDEST))
    blocks = [_wrapped(diagram.title, width), ["Answers today", *_today(diagram.lanes, width)]]
    if diagram.nothing:
        blocks.append(_wrapped(f"Nothing to do: {diagram.nothing}", width))
    elif diagram.lanes:
        planned = [line for lane in diagram.lanes for line in _planned(lane, width)]
        blocks.append(["Answers with the plan", *planned])
    if diagram.others:
        lines = [line for other in diagram.others for line in _wrapped(other, width - 2)]
        blocks.append(["Other interfaces, reached as before", *(f"  {line}" for line in lines)])
    blocks.append([line for text in _legend(diagram) for line in _wrapped(text, width)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _legend(diagram: Diagram) -> list[str]:
    if not diagram.lanes:
        return ["no uplink found"]
    return [f"Arrows: answers to {', '.join(diagram.asked)}", *diagram.groups]


# --- today: a frame of addresses, and what becomes of their answers beside it ---------------------


def _today(lanes: Sequence[Lane], width: int) -> Iterator[str]:
    inner = max((columns(text) for lane in lanes for text in (f"─ {lane.name} ", *lane.addresses)), default=0)
    inner = min(inner, width // 2 - 4)
    for lane in lanes:
        beside = list(_beside(lane.today, width - inner - 4))
        addresses = [part for address in lane.addresses for part in _wrapped(address, inner)]
        yield _top(lane.name, inner)
        yield from _frame(addresses, beside, inner)


def _frame(addresses: Sequence[str], beside: Sequence[str], inner: int) -> Iterator[str]:
    """The frame ends after the last address and the last arrow; notes that follow stand outside."""
    height = max(len(addresses), _last_arrow(beside) + 1)
    for row, (address, note) in enumerate(zip_longest(addresses, [*beside, *[""] * (height + 1 - len(beside))])):
        edge = "├" if note.startswith("──") else "│"
        if row < height:
            yield f"│ {_padded(address or '', inner)} {edge}{note}".rstrip()
        else:
            frame = f"└{'─' * (inner + 2)}┘" if row == height else " " * (inner + 4)
            yield f"{frame}{note}".rstrip()


def _last_arrow(notes: Sequence[str]) -> int:
    return max((row for row, note in enumerate(notes) if note.startswith("──")), default=-1)


def _beside(answers: Answers, width: int) -> Iterator[str]:
    for flow in answers.flows:
        way, *rest = _wrapped(flow.way, width - _ARROW + 1)
        yield f"── {flow.verdict} ──▶ {way}"
        yield from (" " * (_ARROW - 1) + line for line in rest)
        yield from _indented(_decided(flow), width)
    for words in answers.wrong:
        yield from _indented(words, width)


def _decided(flow: Flow) -> str:
    return f"{flow.only}: {flow.by}" if flow.only else flow.by


def _indented(text: str, width: int) -> Iterator[str]:
    return (" " * (_ARROW - 1) + line for line in _wrapped(text, width - _ARROW + 1))


# --- with the plan: rules, table and the way out, one frame for each uplink -----------------------


def _planned(lane: Lane, width: int) -> Iterator[str]:
    inner = width - 4
    yield _top(lane.name, inner)
    yield from _body(lane.addresses, inner)
    yield _divider(f"rules from {lane.sources}", inner)
    yield from _body(lane.rules, inner)
    yield _divider(f"table {lane.table}", inner)
    yield from _body(lane.routes, inner)
    yield f"└──┬{'─' * (inner - 1)}┘"
    last = len(lane.planned.flows) - 1
    for row, flow in enumerate(lane.planned.flows):
        only = f"  ({_decided(flow)})" if flow.only or not flow.right else ""
        yield _fitted(f"   {'└' if row == last else '├'}── {flow.verdict} ──▶ {flow.way}{only}", width)
    for words in lane.planned.wrong:
        yield from (f"       {line}" for line in _wrapped(words, width - 7))


def _body(texts: Iterable[str], inner: int) -> Iterator[str]:
    for text in texts:
        yield from (f"│ {_padded(line, inner)} │" for line in _wrapped(text, inner))


def _top(name: str, inner: int) -> str:
    return f"┌{_filled(name, inner)}┐"


def _divider(name: str, inner: int) -> str:
    return f"├{_filled(name, inner)}┤"


def _filled(name: str, inner: int) -> str:
    words = f"─ {_fitted(name, inner - 1)} "
    return words + "─" * (inner + 2 - columns(words))


# --- columns -------------------------------------------------------------------------------------


def columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes: East Asian wide characters two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _fitted(text: str, width: int) -> str:
    while columns(text) > width:
        text = f"{text[:-2]}…"
    return text


def _wrapped(text: str, width: int) -> list[str]:
    narrower = width - max(columns(text) - len(text), 0)
    return textwrap.wrap(text, narrower, subsequent_indent="  ", break_on_hyphens=False)
