"""Several files changed as one: each atomically, and all taken back if a later one fails.

The old file is kept under a second name in the same directory (a hard link) until the run has
succeeded: to put it back needs no space on a full disk, and brings back the very same inode.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from asymgen.errors import CommandFailedError
from asymgen.system.locking import Checkpoint
from asymgen.system.tree import Place, Tree, naming


class Transaction:
    """Steps that ``roll_back`` undoes until ``commit``. Raises CommandFailedError naming the path."""

    def __init__(self, tree: Tree, checkpoint: Checkpoint) -> None:
        self._tree = tree
        self._checkpoint = checkpoint
        self._undo: list[tuple[PurePosixPath, Callable[[], None]]] = []
        self._touched: list[PurePosixPath] = []

    def sweep(self, paths: Iterable[PurePosixPath]) -> None:
        """Remove what a killed run left beside ``paths``."""
        for path in paths:
            if self._tree.missing(path.parent):
                continue
            with naming(self._tree.outer(path), "tidy up"), self._tree.place(path) as place:
                place.remove(place.temporary)
                place.remove(place.spare)

    def make_directory(self, path: PurePosixPath, *, mode: int = 0o755) -> None:
        """Make one directory; its parent is there."""
        with naming(self._tree.outer(path), "make the directory"), self._tree.place(path) as place:
            self._checkpoint(f"make {path}")
            os.mkdir(place.name, mode, dir_fd=place.directory)
            self._undo.append((path, lambda: self._remove_directory(path)))
            self._checkpoint(f"sync around {path}")
            place.sync()

    def replace(self, path: PurePosixPath, content: bytes, *, mode: int) -> None:
        """Put a file at ``path``: whoever looks finds the old one whole or the new one whole."""
        with naming(self._tree.outer(path), "write"), self._tree.place(path) as place:
            self._guard(path, place)
            self._prepare(path, content, place=place, mode=mode)
            if place.holds(place.name):
                self._checkpoint(f"keep {path}")
                os.link(
                    place.name, place.spare,
                    src_dir_fd=place.directory, dst_dir_fd=place.directory, follow_symlinks=False,
                )  # fmt: skip
            self._rename(path, place.temporary, place=place, to=place.name)

    def delete(self, path: PurePosixPath) -> None:
        """Take the file at ``path`` away."""
        with naming(self._tree.outer(path), "remove"), self._tree.place(path) as place:
            self._guard(path, place)
            self._rename(path, place.name, place=place, to=place.spare)

    def commit(self) -> None:
        """From here on nothing is taken back: drop the old files."""
        self._undo.clear()
        for path in self._touched:
            with naming(self._tree.outer(path), "tidy up"), self._tree.place(path) as place:
                self._checkpoint(f"drop the old {path}")
                place.remove(place.spare)

    def prepare(self, path: PurePosixPath, content: bytes, *, mode: int) -> None:
        """Write what ``publish`` puts into place, so that a full disk is noticed while all can be undone.
        ``path`` was replaced once in this transaction: undoing that takes this away as well."""
        with naming(self._tree.outer(path), "write"), self._tree.place(path) as place:
            self._prepare(path, content, place=place, mode=mode)

    def publish(self, path: PurePosixPath) -> None:
        """Put what ``prepare`` wrote into place; after ``commit``, so it cannot be taken back."""
        with naming(self._tree.outer(path), "write"), self._tree.place(path) as place:
            self._rename(path, place.temporary, place=place, to=place.name)

    def discard(self, path: PurePosixPath) -> None:
        """Remove ``path`` for good; after ``commit``."""
        with naming(self._tree.outer(path), "remove"), self._tree.place(path) as place:
            self._checkpoint(f"remove {path}")
            place.remove(place.name)
            place.sync()

    def roll_back(self) -> tuple[str, ...]:
        """Undo every step, the last first. Returns what could not be undone, with the reason."""
        failures = []
        while self._undo:
            path, undo = self._undo.pop()
            try:
                with naming(self._tree.outer(path), "put back"):
                    undo()
            except CommandFailedError as error:
                failures.append(error.message)
        return tuple(failures)

    def _guard(self, path: PurePosixPath, place: Place) -> None:
        """Arm the undoing before the first step: it finds out by itself how far things went."""
        existed = place.holds(place.name)
        self._undo.append((path, lambda: self._put_back(path, existed=existed)))
        self._touched.append(path)

    def _prepare(self, path: PurePosixPath, content: bytes, *, place: Place, mode: int) -> None:
        place.remove(place.temporary)
        self._checkpoint(f"open new {path}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        # Not executable and not readable until it is whole.
        descriptor = os.open(place.temporary, flags, 0o600, dir_fd=place.directory)
        try:
            self._checkpoint(f"write new {path}")
            _write_all(descriptor, content)
            if os.geteuid() == 0:  # a directory with the set-group-ID bit would give its own group
                self._checkpoint(f"own new {path}")
                os.fchown(descriptor, 0, 0)
            self._checkpoint(f"mode of new {path}")
            os.fchmod(descriptor, mode)
            self._checkpoint(f"sync new {path}")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _rename(self, path: PurePosixPath, name: str, *, place: Place, to: str) -> None:
        self._checkpoint(f"rename {path}")
        os.rename(name, to, src_dir_fd=place.directory, dst_dir_fd=place.directory)
        self._checkpoint(f"sync around {path}")
        place.sync()

    def _put_back(self, path: PurePosixPath, *, existed: bool) -> None:
        with self._tree.place(path) as place:
            place.remove(place.temporary)
            if not existed:
                place.remove(place.name)
            elif place.holds(place.spare):
                os.rename(place.spare, place.name, src_dir_fd=place.directory, dst_dir_fd=place.directory)
                place.remove(place.spare)  # rename(2) leaves both names when they are links to one file
            place.sync()

    def _remove_directory(self, path: PurePosixPath) -> None:
        with self._tree.place(path) as place:
            os.rmdir(place.name, dir_fd=place.directory)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
