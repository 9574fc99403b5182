"""What puts the old files back when the host reboots before an apply was confirmed. Pure.

It runs before the network managers and removes itself. Sources: systemd.special(7) (network-pre.target,
sysinit.target); LSB init script headers (insserv(8): X-Start-Before).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from asymgen import templating
from asymgen.errors import UnsupportedError
from asymgen.model import Command, Host, RenderedFile
from asymgen.records import record

NAME = "asymgen-revert"


@record
class BootHook:
    """``links`` are symbolic links to ``file``; ``enable`` is run after writing, ``disable`` before removing."""

    file: RenderedFile
    links: tuple[PurePosixPath, ...] = ()
    enable: tuple[Command, ...] = ()
    disable: tuple[Command, ...] = ()


def boot_hook(host: Host, argv: Sequence[str]) -> BootHook | None:
    """The hook for the host's init system; ``argv`` is what it runs, programs by their whole paths.

    None where no init system runs (a container whose first process is its service: it has no boot). Raises
    UnsupportedError for an init system that has no way to run it before the network."""
    init = host.managers.init
    if init == "":
        return None
    if init == "systemd":
        unit = PurePosixPath(f"/etc/systemd/system/{NAME}.service")
        text = templating.render("apply/asymgen-revert.service.j2", argv=argv, places=_places(argv))
        wants = PurePosixPath(f"/etc/systemd/system/sysinit.target.wants/{NAME}.service")
        return BootHook(RenderedFile(unit, text, 0o644, "undo an apply that was not confirmed"), (wants,))
    if init == "sysvinit":
        script = PurePosixPath(f"/etc/init.d/{NAME}")
        text = templating.render("apply/asymgen-revert.sh.j2", argv=argv)
        return BootHook(
            RenderedFile(script, text, 0o755, "undo an apply that was not confirmed"),
            enable=(Command(("update-rc.d", NAME, "defaults"), "run it at the next boot"),),
            disable=(Command(("update-rc.d", "-f", NAME, "remove"), "run it no more"),),
        )
    raise UnsupportedError(
        f"{init}: apply cannot promise that a reboot before the confirmation brings the old state back",
        hint="write the files by `asymgen detect --write`, and load the rules by `asymgen commands | sh`",
    )


def _places(argv: Sequence[str]) -> tuple[str, ...]:
    """Where the program lies: that file system has to be there first."""
    return tuple(word for word in argv if word.startswith("/"))
