"""The checkout as the meta tests see it: where it lies, its Python modules, and their syntax trees."""

from __future__ import annotations

import ast
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEFT_BEHIND = ("__pycache__", ".hypothesis", ".pytest_cache")
"""What running Python and the tests leaves behind."""


@dataclass(frozen=True)
class Module:
    """A module of asymgen. ``name`` is what follows "asymgen.", "" for the package itself."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines()


def read_module(name: str, path: Path) -> Module:
    """``path`` parsed by the grammar of the oldest supported Python, so newer syntax is an error."""
    text = path.read_text(encoding="utf-8")
    return Module(name, path, ast.parse(text, str(path), feature_version=(3, 9)))


@cache
def modules() -> tuple[Module, ...]:
    """All modules below ``asymgen/``, by name."""
    package = ROOT / "asymgen"
    named = {_dotted(path.relative_to(package)): path for path in package.rglob("*.py")}
    return tuple(read_module(name, named[name]) for name in sorted(named))


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def copy_of_checkout(place: Path) -> Path:
    """A copy, so that a build leaves nothing in this tree and sees no earlier build."""
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "dist", "*.egg-info", ".*_cache", *LEFT_BEHIND)
    shutil.copytree(ROOT, place, ignore=ignored, symlinks=True)
    return place
