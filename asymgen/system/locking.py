"""One writer at a time: a lock below the root, held by the kernel, so a killed run leaves none."""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from asymgen.errors import CommandFailedError
from asymgen.manifest import STATE_DIRECTORY
from asymgen.system.tree import Place, Tree, naming

LOCK_PATH = STATE_DIRECTORY / "lock"
PATIENCE = 5.0
"""Seconds to wait for another run: writing takes less than one."""

_PAUSE = 0.05
Checkpoint = Callable[[str], None]
"""Told each step before it is done; tests fail or die there."""


@contextmanager
def locked(tree: Tree, *, patience: float = PATIENCE, checkpoint: Checkpoint) -> Iterator[tuple[PurePosixPath, ...]]:
    """Hold the lock; gives the directories that had to be made for it, which go again if they stay empty.

    Raises CommandFailedError naming the holder after ``patience`` seconds.
    """
    made: list[PurePosixPath] = []
    try:
        with naming(tree.outer(LOCK_PATH), "take the lock"):
            descriptor = _acquire(tree, made, patience=patience, checkpoint=checkpoint)
        try:
            yield tuple(made)
        finally:
            _release(tree, descriptor)
    finally:
        tree.remove_empty([*made, STATE_DIRECTORY])


def _acquire(tree: Tree, made: list[PurePosixPath], *, patience: float, checkpoint: Checkpoint) -> int:
    end = time.monotonic() + patience
    while True:
        try:
            _make_directories(tree, made, checkpoint=checkpoint)
            with tree.place(LOCK_PATH) as place:
                checkpoint("open lock")
                descriptor = _attempt(place)
                holder = "" if descriptor is not None else _holder(place)
        except FileNotFoundError:
            # Another run ended just now and took its empty directories away; or, as below /proc, nothing
            # can be made here at all.
            if time.monotonic() >= end:
                raise
            continue
        if descriptor is not None:
            return descriptor
        if time.monotonic() >= end:
            raise CommandFailedError(
                f"{tree.outer(LOCK_PATH)}: held by another run: {holder or 'unknown'}",
                hint="wait until it has ended, then run again",
            )
        time.sleep(_PAUSE)


def _make_directories(tree: Tree, made: list[PurePosixPath], *, checkpoint: Checkpoint) -> None:
    for directory in tree.missing(STATE_DIRECTORY):
        checkpoint(f"make {directory}")
        with tree.place(directory) as place:
            try:
                os.mkdir(place.name, 0o755, dir_fd=place.directory)
            except FileExistsError:  # by another run, which will take it away if need be
                continue
        made.append(directory)


def _attempt(place: Place) -> int | None:
    """Take the lock if it is free. The file may have been unlinked between opening and locking: then the
    lock is on something that nobody else will ever see, and worth nothing."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(place.name, flags, 0o644, dir_fd=place.directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:
        os.close(descriptor)
        return None
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, os.fsencode(f"pid {os.getpid()}: {shlex.join(sys.argv)}\n"))
    except OSError:
        place.remove(place.name)
        os.close(descriptor)
        raise
    return descriptor


def _holder(place: Place) -> str:
    """What the holder wrote about itself; a run that is just starting or ending has written nothing."""
    try:
        descriptor = os.open(place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.directory)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, "r", errors="surrogateescape") as stream:
        return stream.read().strip()


def _release(tree: Tree, descriptor: int) -> None:
    """Unlink while still holding it, so that whoever waits sees that its file is gone, and opens anew."""
    try:
        if os.fstat(descriptor).st_nlink:  # else somebody removed it, and what is there now is another's
            with tree.place(LOCK_PATH) as place:
                place.remove(place.name)
    except OSError:
        # The kernel's lock ends with the descriptor: the file that stays means nothing.
        return
    finally:
        os.close(descriptor)
