"""Which backends a host's files show."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from asymgen.backends import BACKENDS


def used_backends(paths: Iterable[PurePosixPath]) -> tuple[str, ...]:
    """Names of the backends whose mark is among ``paths``, in the order of ``BACKENDS``."""
    paths = tuple(paths)
    return tuple(name for name, backend in BACKENDS.items() if any(path.match(str(backend.MARK)) for path in paths))
