"""What a backend is: a module with these names, checked by mypy where ``BACKENDS`` lists it.

A backend turns a lowered plan into files and commands. It never looks at the machine (what is
there is in ``Host``) and never writes.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Protocol

from asymgen.model import Capabilities, Command, FitReason, Host, KernelState, Placement, RenderedFile


class Service(Protocol):
    """What a backend and asymgen-watch have in common: how it is seen that one was used, and how it ends."""

    MARK: PurePosixPath
    """A file that only this backend writes, as a pattern for ``PurePath.match``: a manifest that lists one
    shows that it was used."""

    def deactivation(self, host: Host) -> tuple[Command, ...]:
        """Commands that undo the activation; to be run while the files still exist."""

    def after_removal(self, host: Host) -> tuple[Command, ...]:
        """Commands that make the system notice that the files are gone; to be run after that."""


class Backend(Service, Protocol):
    """The names that every backend module has."""

    NAME: str

    PACKAGED: str
    """The script that the maintainer scripts of a package start and stop, as ``Placement.VENDOR`` has it; "" where a
    daemon reads the files itself."""

    def capabilities(self, host: Host) -> Capabilities:
        """What it can express on ``host``; decides the lowering."""

    def fit(self, host: Host, interface: str) -> FitReason:
        """How well it suits ``interface``: managing it > installed > the distribution's default > no."""

    def render(self, state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
        """The files, shared ones included. Raises UnsupportedError for what it cannot carry."""

    def activation(self, host: Host) -> tuple[Command, ...]:
        """Commands that make the written files take effect now and at every boot."""

    def follower(self, placement: Placement) -> str:
        """The script that follows an interface's addresses when it is called with ``follow INTERFACE``: asymgen-watch
        does so for what ``Capabilities.unheard`` names."""

    def depends(self, state: KernelState, format: str) -> tuple[str, ...]:  # noqa: A002 - the packages' own word
        """Names of the packages that the files need, for ``deb`` or ``rpm``."""
