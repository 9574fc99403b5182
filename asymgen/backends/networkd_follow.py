"""What lets systemd-networkd follow addresses that move: a path unit, a service and a small script.

A literal ``From=`` stays what it was when DHCP gives an address in another subnet, or another address where
rules go by single addresses. The script writes what differs into /run. docs/decisions/0010 says what that costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from asymgen import templating
from asymgen.backends import shell
from asymgen.model import Family, Host, KernelState, Placement, RenderedFile

SCRIPTS = {Placement.ADMIN: "/usr/local/lib/asymgen/follow-networkd",
           Placement.VENDOR: "/usr/libexec/asymgen/follow-networkd"}  # fmt: skip
_UNITS = {Placement.ADMIN: "/etc/systemd/system", Placement.VENDOR: "/usr/lib/systemd/system"}
_RUN = "/run/systemd/network"

SCRIPT = SCRIPTS[Placement.ADMIN]
PACKAGED = SCRIPTS[Placement.VENDOR]
UNIT = "asymgen-follow.path"
FORGET = f"rm -f {_RUN}/*.network.d/51-asymgen-ipv[46].conf"
"""What takes away what the script wrote, for sh."""


def follow_files(
    state: KernelState, host: Host, placement: Placement, *, winners: Mapping[str, str]
) -> tuple[RenderedFile, ...]:
    """The script with its units where an uplink of ``state`` may move. ``winners`` maps interfaces to the names
    of their .network files."""
    if not any(shell.moves(state, each.uplink) for each in state.uplinks):
        return ()
    script, units = SCRIPTS[placement], _UNITS[placement]
    unit_files = {
        f"{units}/asymgen-follow.path": ("networkd/follow.path.j2", "starts the service when a lease changed"),
        f"{units}/asymgen-follow.service": ("networkd/follow.service.j2", "runs the script"),
    }
    if placement is Placement.ADMIN:  # a package enables its units as its distribution does
        unit_files[f"{units}/systemd-networkd.service.d/50-asymgen.conf"] = (
            "networkd/follow_wanted.conf.j2", "starts both with systemd-networkd",
        )  # fmt: skip
    role = "Source-based routing: systemd-networkd follows addresses that moved"
    text = shell.script(
        "networkd/follow.sh.j2", state, host,
        path=script, role=role, files=(script, *unit_files), dropins=_dropins(state, winners), skips_temporary=True,
        placement=placement, keeps_gateways=True,  # networkd itself knows the gateway of a lease
    )  # fmt: skip
    return (
        RenderedFile(PurePosixPath(script), text, 0o755, role),
        *(
            _unit_file(path, template, why, host=host, script=script, vendor=placement is Placement.VENDOR)
            for path, (template, why) in unit_files.items()
        ),
    )


def _unit_file(path: str, template: str, why: str, **values: object) -> RenderedFile:
    return RenderedFile(PurePosixPath(path), templating.render(template, **values), 0o644, why)


def _dropins(state: KernelState, winners: Mapping[str, str]) -> dict[tuple[str, Family], str]:
    """Not the name of the plan's own drop-in, which would hide it: /etc wins over /run."""
    return {
        (up.interface, up.family): f"{_RUN}/{winners[up.interface]}.d/51-asymgen-ipv{up.family:d}.conf"
        for up in (each.uplink for each in state.uplinks)
    }
