"""Whole directory trees as values, so that a test can say "as before" and mean everything."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from asymgen.model import RenderedFile

HOOK = PurePosixPath("/etc/network/if-up.d/asymgen")
INIT = PurePosixPath("/etc/init.d/asymgen")
TABLES = PurePosixPath("/etc/iproute2/rt_tables.d/asymgen.conf")
PLAN = PurePosixPath("/etc/asymgen/plan.json")


def rendered(path: PurePosixPath, text: str, mode: int = 0o644) -> RenderedFile:
    """A wanted file."""
    return RenderedFile(path, text, mode, f"what {path.name} is for")


OLD = (
    rendered(HOOK, "#!/bin/sh\necho old hook\n", 0o755),
    rendered(INIT, "#!/bin/sh\necho old script\n", 0o755),
    rendered(PLAN, '{"old": true}\n'),
)
"""The files of a first run; that of a second one creates, updates, keeps and deletes."""

NEW = (
    rendered(HOOK, "#!/bin/sh\necho new hook\n", 0o755),
    rendered(TABLES, "1 asymgen_eth0\n"),
    rendered(PLAN, '{"old": true}\n', 0o600),
)


def listing(root: Path) -> dict[str, tuple[str, ...]]:
    """Every name below ``root`` with its type, mode and content's hash."""
    found = {}
    for folder, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = Path(folder, name)
            found[str(path.relative_to(root))] = _described(path)
    return found


def _described(path: Path) -> tuple[str, ...]:
    status = path.lstat()
    mode = stat.filemode(status.st_mode)
    if path.is_symlink():
        return mode, os.readlink(path)
    if stat.S_ISREG(status.st_mode):
        return mode, f"{status.st_uid}:{status.st_gid}", hashlib.sha256(path.read_bytes()).hexdigest()
    return (mode,)


def put(root: Path, path: PurePosixPath, text: str, *, mode: int = 0o644) -> Path:
    """A file of somebody else's."""
    outer = root.joinpath(*path.parts[1:])
    outer.parent.mkdir(parents=True, exist_ok=True)
    outer.write_text(text, encoding="utf-8")
    outer.chmod(mode)
    return outer


def holds(root: Path, files: tuple[RenderedFile, ...]) -> Mapping[PurePosixPath, bool]:
    """Whether each of ``files`` is there exactly as wanted."""
    answers = {}
    for file in files:
        outer = root.joinpath(*file.path.parts[1:])
        answers[file.path] = (
            outer.is_file() and outer.read_text(encoding="utf-8") == file.text
            and stat.S_IMODE(outer.stat().st_mode) == file.mode
        )  # fmt: skip
    return answers


def strays(root: Path) -> list[str]:
    """Names that only a run under way may have."""
    return [name for name in listing(root) if Path(name).name.startswith(".asymgen-") or name.endswith("asymgen/lock")]
