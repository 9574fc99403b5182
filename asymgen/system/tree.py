"""A directory that stands for ``/``: every path is walked below it, symbolic links included.

Absolute links inside start at the root again and ``..`` stops there, as in a chroot, so a link in a
``--root`` tree (``/etc -> /srv/etc``) never leads onto the machine that asymgen runs on. Each
component is opened relative to its parent and without following: nobody can swap one in between.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from asymgen.changes import FileKind, FileOnDisk
from asymgen.errors import CommandFailedError
from asymgen.records import record

MOST_LINKS = 40
"""As the kernel allows on one path: path_resolution(7)."""

_HINTS = {
    errno.EACCES: "run it as root, or with --root DIR to write below a directory of yours",
    errno.EPERM: "run it as root, or with --root DIR to write below a directory of yours",
    errno.EROFS: "the file system is mounted read-only: mount it writable, then run again",
    errno.ENOSPC: "the file system is full: free some space, then run again",
    errno.EDQUOT: "the quota is used up: free some space, then run again",
}


@contextmanager
def naming(path: PurePosixPath | Path, doing: str) -> Iterator[None]:
    """Turn a failed system call into a message that names ``path`` and what was being done."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandFailedError(f"{path}: cannot {doing}: {reason}", hint=_HINTS.get(error.errno or 0, "")) from error


@record
class Place:
    """A name in an open directory. ``directory`` is a descriptor, valid inside ``Tree.place``."""

    directory: int
    name: str

    @property
    def temporary(self) -> str:
        """The name under which new content is prepared."""
        return f".asymgen-{self._tag}.tmp~"

    @property
    def spare(self) -> str:
        """The name that keeps the old file until the run has succeeded."""
        return f".asymgen-{self._tag}.old~"

    @property
    def _tag(self) -> str:
        """A hash: the same for every run, so that the next one finds what a killed one left, and short
        whatever the name. The leading dot and the ``~`` make run-parts, systemd's generators, iproute2,
        sysctl and NetworkManager pass it by."""
        return hashlib.sha256(os.fsencode(self.name)).hexdigest()[:12]

    def remove(self, name: str) -> None:
        """Unlink ``name`` in this directory; that it is not there is as good."""
        try:
            os.unlink(name, dir_fd=self.directory)
        except FileNotFoundError:
            return

    def holds(self, name: str) -> bool:
        """Whether ``name`` exists here, whatever it is."""
        try:
            os.stat(name, dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def sync(self) -> None:
        """Make the directory's entries survive a power cut. The descriptor of a walk cannot be synced."""
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self.directory)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Tree:
    """The tree below ``root``; all other paths are absolute on the target."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def outer(self, path: PurePosixPath) -> Path:
        """``path`` as seen from outside, for messages and for programs that label files."""
        return self.root.joinpath(*path.parts[1:])

    @contextmanager
    def place(self, path: PurePosixPath) -> Iterator[Place]:
        """The parent directory of ``path``, opened. Raises FileNotFoundError where there is none."""
        with self._walk(path.parent) as steps:
            directory = steps[-1].descriptor
            if directory is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
            yield Place(directory, path.name)

    def missing(self, directory: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """The directories that have to be made for ``directory`` to exist, outermost first."""
        with naming(self.outer(directory), "look up"), self._walk(directory) as steps:
            names = [step.name for step in steps]
            first = next((place for place, step in enumerate(steps) if step.descriptor is None), len(steps))
        return tuple(PurePosixPath("/", *names[1 : end + 1]) for end in range(first, len(names)))

    def remove_empty(self, directories: Iterable[PurePosixPath]) -> tuple[PurePosixPath, ...]:
        """Remove those of ``directories`` that are there and empty, inner ones first; returns them."""
        return tuple(path for path in sorted(directories, reverse=True) if self._remove_if_empty(path))

    def _remove_if_empty(self, path: PurePosixPath) -> bool:
        try:
            with self.place(path) as place:
                os.rmdir(place.name, dir_fd=place.directory)
        except OSError:
            # Not empty, mostly. An empty directory that stays does no harm, and a failure here must not
            # hide the one that may be on its way out.
            return False
        return True

    def read(self, path: PurePosixPath) -> FileOnDisk | None:
        """What lies at ``path``, or None. Never follows a link in its last component, never blocks."""
        with naming(self.outer(path), "read"):
            try:
                with self.place(path) as place:
                    return _read(place)
            except FileNotFoundError:
                return None
            except PermissionError:
                return FileOnDisk(b"", 0, FileKind.UNREADABLE)

    @contextmanager
    def _walk(self, path: PurePosixPath) -> Iterator[list[_Step]]:
        with naming(self.root, "open"):  # also where a missing file would be as good: a missing root is not
            steps = [_Step("/", os.open(self.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))]
        try:
            self._descend(steps, list(reversed(path.parts[1:])))
            yield steps
        finally:
            for step in steps:
                step.close()

    def _descend(self, steps: list[_Step], pending: list[str]) -> None:
        """Follow ``pending`` (last name first), pushing a step per directory; links are spliced in."""
        links = 0
        while pending:
            name = pending.pop()
            if name == "..":
                _climb(steps, to=max(1, len(steps) - 1))
                continue
            target = _link_target(steps[-1].descriptor, name)
            if target is None:
                steps.append(_Step(name, _open_directory(steps[-1].descriptor, name)))
                continue
            links += 1
            if links > MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(_path_of(steps) / name))
            if target.is_absolute():
                _climb(steps, to=1)
            pending += reversed([part for part in target.parts if not part.startswith("/")])


@record
class _Step:
    """A directory on the way; ``descriptor`` None: it does not exist."""

    name: str
    descriptor: int | None

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


def _path_of(steps: Iterable[_Step]) -> PurePosixPath:
    """Where a walk has come to, links resolved."""
    return PurePosixPath(*(step.name for step in steps))


def _climb(steps: list[_Step], *, to: int) -> None:
    while len(steps) > to:
        steps.pop().close()


def _link_target(directory: int | None, name: str) -> PurePosixPath | None:
    if directory is None:
        return None
    try:
        return PurePosixPath(os.readlink(name, dir_fd=directory))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):  # no link; not there
            return None
        raise


def _open_directory(directory: int | None, name: str) -> int | None:
    if directory is None:
        return None
    try:
        return os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return None


def _read(place: Place) -> FileOnDisk:
    """Look before opening: to open a device or a pipe may block or do something."""
    found = os.stat(place.name, dir_fd=place.directory, follow_symlinks=False)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return FileOnDisk(os.fsencode(os.readlink(place.name, dir_fd=place.directory)), mode, FileKind.SYMLINK)
    if not stat.S_ISREG(found.st_mode):
        return FileOnDisk(b"", mode, FileKind.DIRECTORY if stat.S_ISDIR(found.st_mode) else FileKind.SPECIAL)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(place.name, flags, dir_fd=place.directory)
    with os.fdopen(descriptor, "rb") as stream:
        return FileOnDisk(stream.read(), mode)
