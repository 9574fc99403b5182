"""What lies where the files of a run would go, and what the run would do to it. Only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from asymgen.changes import Changes, FileKind, FileOnDisk, paths_of_interest, plan_changes
from asymgen.errors import InputError
from asymgen.manifest import HINT as MANIFEST_HINT
from asymgen.manifest import MANIFEST_PATH, Manifest, parse_manifest
from asymgen.model import RenderedFile
from asymgen.system.tree import Tree


def read_manifest(root: Path) -> Manifest | None:
    """The manifest below ``root``, or None. Raises InputError where it cannot be trusted."""
    found = Tree(root).read(MANIFEST_PATH)
    if found is None:
        return None
    origin = str(Tree(root).outer(MANIFEST_PATH))
    if found.kind is not FileKind.REGULAR:
        raise InputError(f"{origin}: is {found.kind.value}, wanted a file", hint=MANIFEST_HINT)
    try:
        return parse_manifest(found.content.decode("utf-8"), origin)
    except UnicodeDecodeError as error:
        raise InputError(f"{origin}: not UTF-8: {error}", hint=MANIFEST_HINT) from error


def read_on_disk(root: Path, paths: Iterable[PurePosixPath]) -> Mapping[PurePosixPath, FileOnDisk | None]:
    """What lies at each of ``paths`` below ``root``."""
    tree = Tree(root)
    return {path: tree.read(path) for path in paths}


def preview(root: Path, wanted: Sequence[RenderedFile], *, force: bool = False) -> Changes:
    """What ``write_files`` would do. Only reads."""
    manifest = read_manifest(root)
    on_disk = read_on_disk(root, paths_of_interest(wanted, manifest))
    return plan_changes(wanted, on_disk, manifest=manifest, force=force)
