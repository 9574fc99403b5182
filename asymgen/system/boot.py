"""Writes and removes what has to run at the next boot."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from asymgen.boot_hook import BootHook
from asymgen.system.commands import Runner
from asymgen.system.texts import write_text
from asymgen.system.tree import naming


def add_hook(root: Path, run: Runner, hook: BootHook) -> None:
    """Raises CommandFailedError: without the hook nothing may be applied."""
    place = _outer(root, hook.file.path)
    write_text(place, hook.file.text)
    with naming(place, "make executable"):
        place.chmod(hook.file.mode)
    for link in hook.links:
        path = _outer(root, link)
        with naming(path, "link"):
            path.parent.mkdir(exist_ok=True)
            if not path.is_symlink():
                os.symlink(hook.file.path, path)
    for step in hook.enable:
        run.run(step.argv)


def remove_hook(root: Path, run: Runner, hook: BootHook | None) -> None:
    """Takes it away, and the directory of links if that is empty then; nothing to take away is as good."""
    if hook is None or not _outer(root, hook.file.path).exists():
        return
    for step in hook.disable:
        run.run(step.argv, check=False)
    for link in (*hook.links, hook.file.path):
        with naming(_outer(root, link), "remove"):
            _outer(root, link).unlink(missing_ok=True)
    for link in hook.links:
        _remove_empty(_outer(root, link).parent)


def _remove_empty(directory: Path) -> None:
    with contextlib.suppress(OSError):  # other links are in it
        directory.rmdir()


def _outer(root: Path, path: os.PathLike[str]) -> Path:
    return root.joinpath(*Path(path).parts[1:])
