"""Files of a host below its root folder: a missing one is None, an unreadable one becomes a note."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_MOST_LINKS = 20
_AT_ONCE = 1 << 12
"""What /proc/sys has to say is shorter than this; 64 KB took more than twice as long for it (tried)."""

_SETTINGS = "/proc/sys/"
"""What lies here comes whole by the first read; another one, to see that nothing follows, took a sixth of the time."""


class HostFiles:
    """Reads what lies below ``root``. Paths are as on the host: ``/etc/os-release``.

    Absolute symbolic links are followed below ``root``, as they would be on the host itself.
    """

    def __init__(self, root: Path) -> None:
        # Text and not a Path: a host with a thousand interfaces has ten thousand settings to be read.
        self._root = str(root).rstrip("/")
        self._unreadable: dict[str, str] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was there but could not be read."""
        return tuple(
            f"{path} could not be read ({why}): what it says was not considered."
            for path, why in self._unreadable.items()
        )

    def text(self, path: str, *, optional: bool = False) -> str | None:
        """The text of the file at ``path``, bytes that are not UTF-8 as lone surrogates. ``optional``: not even a
        note where it cannot be read."""
        data = self.data(path, optional=optional)
        return None if data is None else data.decode("utf-8", "surrogateescape")

    def data(self, path: str, *, optional: bool = False) -> bytes | None:
        """The bytes of the file at ``path``."""
        try:
            return _content(self._inside(path))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except (OSError, ValueError) as problem:  # ValueError: a path with a zero byte, from some file's text
            if not optional:
                self._unreadable[path] = getattr(problem, "strerror", None) or str(problem)
            return None

    def exists(self, path: str) -> bool:
        """Whether there is something at ``path``; what may not be looked at is not there."""
        return os.path.exists(self._inside(path))

    def is_folder(self, path: str) -> bool:
        """Whether ``path`` is a folder."""
        return os.path.isdir(self._inside(path))

    def link_target(self, path: str) -> str | None:
        """Where the symbolic link at ``path`` points to, or None."""
        try:
            return os.readlink(self._below(path))
        except (OSError, ValueError):
            return None

    def has_link(self, path: str) -> bool:
        """Whether there is a symbolic link at ``path``, readable or not."""
        return os.path.islink(self._below(path))

    def names(self, folder: str) -> list[str]:
        """The names in ``folder``, sorted; an unreadable folder becomes a note."""
        try:
            return sorted(os.listdir(self._inside(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError) as problem:
            self._unreadable[folder] = getattr(problem, "strerror", None) or str(problem)
            return []

    def matching(self, folder: str, suffix: str) -> Iterator[str]:
        """Paths of the files in ``folder`` whose names end with ``suffix``, sorted by name."""
        return (f"{folder}/{name}" for name in self.names(folder) if name.endswith(suffix))

    def any_exists(self, *paths: str) -> bool:
        """Whether one of ``paths`` is there."""
        return any(self.exists(path) for path in paths)

    def _below(self, path: str) -> str:
        return f"{self._root}/{path.lstrip('/')}"

    def _inside(self, path: str) -> str:
        for _ in range(_MOST_LINKS if self._root else 0):
            target = self.link_target(path)
            if target is None:
                break
            path = os.path.normpath(os.path.join("/", os.path.dirname(path), target))
        return self._below(path)


def _content(path: str) -> bytes:
    """By the system calls alone, which takes half of the time of open()."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        first = os.read(descriptor, _AT_ONCE)
        if not first or path.startswith(_SETTINGS):
            return first
        return first + b"".join(iter(lambda: os.read(descriptor, _AT_ONCE), b""))
    finally:
        os.close(descriptor)
