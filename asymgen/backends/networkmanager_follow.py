"""What tells of a renewed lease where NetworkManager does not: a path unit, and a service that runs the script.

NetworkManager 1.42 calls its dispatcher for the first lease of an activation, and for none after it: another address or
another gateway by a renewal goes untold (tried; 1.52 tells). It does write its state of the device into
/run/NetworkManager/devices each time. docs/decisions/0021.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from asymgen import templating
from asymgen.backends import shell
from asymgen.model import Host, KernelState, Placement, RenderedFile

_TOLD_SINCE = (1, 52)
_UNITS = {Placement.ADMIN: "/etc/systemd/system", Placement.VENDOR: "/usr/lib/systemd/system"}

UNIT = "asymgen-follow-nm.path"
PATH = f"{_UNITS[Placement.ADMIN]}/{UNIT}"


def follow_files(
    state: KernelState, host: Host, placement: Placement, *, script: str, version: str
) -> tuple[RenderedFile, ...]:
    """Where an uplink of ``state`` may move, and this NetworkManager (or one that is not known) may not tell of it."""
    moving = any(shell.moves(state, each.uplink) for each in state.uplinks)
    told = bool(version) and not shell.is_older(version, _TOLD_SINCE)
    if not moving or told or host.managers.init not in ("systemd", ""):
        return ()
    units = _UNITS[placement]
    return tuple(
        RenderedFile(
            PurePosixPath(path),
            templating.render(template, host=host, script=script, vendor=placement is Placement.VENDOR), 0o644, why,
        )
        for path, template, why in (
            (f"{units}/{UNIT}", "networkmanager/follow.path.j2", "starts the service when a lease changed"),
            (f"{units}/asymgen-follow-nm.service", "networkmanager/follow.service.j2", "runs the script"),
            (f"{units}/NetworkManager.service.d/50-asymgen.conf", "networkmanager/follow_wanted.conf.j2",
             "starts the first with NetworkManager"),
        )
    )  # fmt: skip
