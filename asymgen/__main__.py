"""``python3 -m asymgen``: the same as the console script."""

from __future__ import annotations

from asymgen.cli import main

main()
