"""Which of our services a host's files show: the backends, and the watcher beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from asymgen.backends import BACKENDS, watcher
from asymgen.backends.base import Service
from asymgen.model import Command, Host

SERVICES: dict[str, Service] = {watcher.NAME: watcher, **BACKENDS}
"""By name; the watcher ends first."""


def used_services(paths: Iterable[PurePosixPath]) -> tuple[str, ...]:
    """Names of the services whose mark is among ``paths``, in the order of ``SERVICES``."""
    paths = tuple(paths)
    return tuple(name for name, each in SERVICES.items() if any(path.match(str(each.MARK)) for path in paths))


def start_again(name: str, host: Host) -> tuple[Command, ...]:
    """What makes a service whose files are there take them up."""
    return BACKENDS[name].activation(host) if name in BACKENDS else watcher.restart(host)
