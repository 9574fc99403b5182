"""``python3 -m asymgen``: the console script, but it ends as Python does, for profilers, debuggers and coverage."""

from __future__ import annotations

import sys

from asymgen.cli import exit_code

sys.exit(exit_code())
