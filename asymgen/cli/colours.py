"""Colours, where a person looks at a terminal: wrong is red, right is green. Scripts never see one.

https://no-color.org (``NO_COLOR`` set to anything but nothing), ``TERM=dumb``, and pipes or files as output
each mean: plain text. A report is made plain, without control characters, and painted as the last step.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

RED, GREEN = 31, 32

_WRONG_ANSWER = r"(?P<before>  answers from \S+ leave by )(?P<red>.+)(?P<between>, should leave by )(?P<green>.+)"
_BLOCKS: Mapping[str, tuple[str, ...]] = {
    "What is wrong today": (_WRONG_ANSWER, r"(?P<green>  nothing: .*)"),
    "Files": (r"(?P<red>-.*)", r"(?P<green>\+.*)"),
}
"""The blocks of detect's report, by heading, with what is painted in a line of each: named groups of regular
expressions, which are compiled where somebody looks."""
_VERDICTS = (r"(?P<before>  .*?  )(?:(?P<red>\d+ wrong answers?|failed)|(?P<green>nothing wrong))(?P<after>\b.*)",)

_ARROWS = (r"(?P<before>.*[─-]{2} )(?:(?P<red>wrong)|(?P<green>right))(?P<after> [─-]{2}.*)",
           r"(?P<before>(?:└─+┘|[+]-+[+]|) +)(?P<red>wrong to .*)")  # fmt: skip


def are_wanted(stream: IO[str], environment: Mapping[str, str] | None = None) -> bool:
    """Whether ``stream`` is a terminal that shows colours, and nobody asked for none."""
    given = os.environ if environment is None else environment
    return stream.isatty() and given.get("TERM", "") not in ("", "dumb") and not given.get("NO_COLOR")


def painted(text: str, colour: int) -> str:
    """``text`` in ``colour`` (an SGR parameter of ECMA-48), and the terminal's own colour after it."""
    return f"\033[{colour}m{text}\033[0m"


def painted_report(lines: Iterable[str]) -> Iterator[str]:
    """The report of ``detect``: wrong ways red, right ones green, differences of files like those of diff(1)."""
    patterns: tuple[str, ...] = ()
    heading = True
    for line in lines:
        # Inside a block of files there are empty lines as well: only a line that starts a block and is
        # indented in no way can be a heading.
        if heading and line[:1].isupper():
            patterns = _BLOCKS.get(line, ())
        heading = not line
        yield _painted(line, patterns)


def painted_table(text: str) -> str:
    """A line for each of several hosts, its verdict in colour."""
    return "\n".join(_painted(line, _VERDICTS) for line in text.split("\n"))


def painted_diagram(text: str) -> str:
    """The arrows of a diagram in text."""
    return "\n".join(_painted(line, _ARROWS) for line in text.split("\n"))


def _painted(line: str, patterns: Iterable[str]) -> str:
    found = next(filter(None, (re.fullmatch(pattern, line) for pattern in patterns)), None)
    if found is None:
        return line
    colours = {"red": RED, "green": GREEN}
    parts = ((name, text) for name, text in found.groupdict().items() if text)
    return "".join(painted(text, colours[name]) if name in colours else text for name, text in parts)
