"""How asymgen was called, for commands that a person shall type: sudo does not see a virtual environment."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def itself_argv() -> tuple[str, ...]:
    """The words that call this asymgen again from anywhere."""
    script = Path(sys.argv[0]).resolve()
    return (sys.executable, "-m", "asymgen") if script.name == "__main__.py" else (str(script),)


def itself() -> str:
    """The same, quoted for sh."""
    return shlex.join(itself_argv())
