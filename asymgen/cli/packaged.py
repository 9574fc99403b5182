"""A host that a package configures: what --write would put beside it would be a second configuration."""

from __future__ import annotations

from pathlib import Path

from asymgen.errors import ForeignFileError
from asymgen.packages.model import MANIFEST_PATH
from asymgen.packages.previous import parse_previous
from asymgen.system.texts import read_text


def refuse_packaged(root: Path) -> None:
    """Raises ForeignFileError, naming the package, where one is installed below ``root``."""
    path = root / MANIFEST_PATH.relative_to("/")
    text = read_text(path)
    if text is None:
        return
    name = parse_previous(text, str(path)).package
    raise ForeignFileError(
        f"the package {name} configures this host ({path}): both at once would set everything twice",
        hint=f"build its next version: asymgen package --name {name}; or remove it first (dpkg -r, rpm -e)",
    )
