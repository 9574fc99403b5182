"""asymgen's whole command line inside this process: as ``tests/command_line.py``, but fast enough for many inputs."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asymgen.cli import exit_code


@dataclass(frozen=True)
class Outcome:
    """What a run left."""

    code: int
    stdout: str
    stderr: str


class _Stream(io.TextIOWrapper):
    """A text stream whose bytes can be read after the run, with names of any bytes in them."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8", errors="surrogateescape")

    @property
    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _called(words: tuple[str, ...], stdin: str) -> Iterator[tuple[_Stream, _Stream]]:
    before = sys.argv, sys.stdin
    out, err = _Stream(), _Stream()
    try:
        sys.argv, sys.stdin = ["asymgen", *words], _Stream(stdin.encode("utf-8", "surrogateescape"))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield out, err
    finally:
        sys.argv, sys.stdin = before


def run(*words: str, stdin: str = "") -> Outcome:
    """``asymgen WORDS``. The exit code is that of the process; a traceback is in ``stderr``."""
    with _called(words, stdin) as (out, err):
        code = exit_code()
    return Outcome(code, out.text, err.text)


def is_refused_or_right(found: Outcome) -> bool:
    """Done, or refused as unsupported or unreadable; never a traceback, never a defect."""
    return found.code in (0, 3, 6) and "Traceback" not in found.stderr


def names_below(root: Path) -> list[str]:
    """Everything below ``root``."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))
