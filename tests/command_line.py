"""asymgen as a process: what a person or another tool sees of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]


def asymgen(
    *arguments: str, stdin: str = "", prefix: Sequence[str] = (), environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run asymgen from this tree; ``prefix`` goes before the command (``ip netns exec …``)."""
    return subprocess.run(
        [*prefix, sys.executable, "-m", "asymgen", *arguments], input=stdin, capture_output=True, text=True,
        errors="surrogateescape", check=False, cwd=TREE,
        env={**os.environ, "PYTHONPATH": str(TREE), **(environment or {})},
    )  # fmt: skip


def tree_of(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every path below ``root`` with its mode and content."""
    found = {}
    for path in sorted(root.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (path.lstat().st_mode, content)
    return found
