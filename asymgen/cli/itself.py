"""How asymgen was called, for commands that a person shall type: sudo does not see a virtual environment."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def itself() -> str:
    """The words that call this asymgen again from anywhere, quoted for sh."""
    script = Path(sys.argv[0]).resolve()
    if script.name == "__main__.py":
        return shlex.join([sys.executable, "-m", "asymgen"])
    return shlex.quote(str(script))
