"""Asks a person, who may not be there: waits for a line until a deadline or until something else happens."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

from asymgen.system.guard import now


def ask_until(deadline: float, is_over: Callable[[], bool], prompt: str) -> str:
    """The line that was typed, "" where nobody typed one before ``deadline`` or ``is_over``. On a terminal the seconds
    left are shown; without one, or without a ``prompt``, nothing is asked and only time passes."""
    asks = bool(prompt) and os.isatty(0)
    shown = -1
    while (rest := deadline - now()) > 0 and not is_over():
        if asks and int(rest) != shown:
            shown = int(rest)
            sys.stdout.write(f"\r\033[K{shown + 1:>4} s  {prompt}")
            sys.stdout.flush()
        ready, _, _ = select.select([0] if asks else [], [], [], min(rest, 0.2))
        if ready:
            line = os.read(0, 4096).decode("utf-8", "replace")
            if not line:  # the terminal is gone: time decides
                asks = False
                continue
            return line.strip().lower() or "an empty line"
    if asks:
        sys.stdout.write("\n")
    return ""
