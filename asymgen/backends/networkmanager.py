"""NetworkManager: a dispatcher script that follows each interface up, down and to new addresses.

Not by keyfiles: those would be the administrator's own profiles, changed. Source: NetworkManager-dispatcher(8).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from asymgen.backends import shared_files, shell
from asymgen.backends.distributions import default_manager
from asymgen.errors import UnsupportedError
from asymgen.model import Capabilities, Command, Family, Fit, FitReason, Host, KernelState, Placement, RenderedFile

NAME = "networkmanager"
MANAGER = "NetworkManager"
"""The name of the daemon among ``Host.managers``."""

SCRIPT = {
    Placement.ADMIN: "/etc/NetworkManager/dispatcher.d/50-asymgen",
    Placement.VENDOR: "/usr/lib/NetworkManager/dispatcher.d/50-asymgen",
}
_VENDOR_SINCE = (1, 20)
_TELLS_OF_LEASES = (1, 52)
"""1.42 calls the dispatcher for the first lease of an activation and for none after it, 1.52 for each (tried)."""

MARK = PurePosixPath(SCRIPT[Placement.ADMIN])
PACKAGED = SCRIPT[Placement.VENDOR]


def capabilities(host: Host) -> Capabilities:
    """What ip(8) can express on ``host``; the dispatcher hears nothing of router advertisements, and before 1.52
    nothing of renewed leases (docs/decisions/0021)."""
    version = host.managers.installed.get(MANAGER, "")
    tells = bool(version) and not shell.is_older(version, _TELLS_OF_LEASES)
    return replace(shell.capabilities(host), unheard=(Family.IPV6,) if tells else (Family.IPV4, Family.IPV6))


def fit(host: Host, interface: str) -> FitReason:
    """NetworkManager tells dispatcher scripts only of what it brings up itself."""
    managed = host.managers.interfaces.get(interface)
    if managed is not None and managed.manager == MANAGER:
        return FitReason(Fit.MANAGES, f"NetworkManager brings {interface} up ({managed.file or 'no profile on disk'})")
    if managed is not None:
        return FitReason(Fit.NO, f"{managed.manager} brings {interface} up, so NetworkManager tells nothing of it")
    if MANAGER in host.managers.installed:
        return FitReason(Fit.INSTALLED, "NetworkManager is installed")
    if not host.managers.installed and default_manager(host.os_release) == MANAGER:
        return FitReason(Fit.DISTRIBUTION_DEFAULT, "the distribution's default, and nothing else is known of the host")
    return FitReason(Fit.NO, "NetworkManager is not installed")


def render(state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    """One script: the dispatcher takes no symbolic link to one elsewhere where SELinux decides."""
    path, version = SCRIPT[placement], host.managers.installed.get(MANAGER, "")
    if placement is Placement.VENDOR and shell.is_older(version, _VENDOR_SINCE):
        raise UnsupportedError(
            f"NetworkManager {version} reads dispatcher scripts in /etc alone, where a package must not leave one",
            hint="use detect --write on that host; in /usr/lib they are read since 1.20",
        )
    role = "Source-based routing for NetworkManager: a dispatcher script"
    text = shell.script(
        "networkmanager/dispatcher.sh.j2", state, host, path=path, role=role, files=(path,), placement=placement
    )
    script = RenderedFile(path=PurePosixPath(path), text=text, mode=0o755, why=role)
    return (
        script,
        *shared_files.networkd_tolerance(host, placement),
        *shared_files.render(state, host, placement),
    )


def activation(host: Host) -> tuple[Command, ...]:
    """NetworkManager calls the script from now on; the running network gets it here."""
    start = Command((SCRIPT[Placement.ADMIN], "start"), "put rules and routes into the kernel")
    if host.managers.init != "systemd":
        return (start,)
    # Where the unit is disabled, the bus cannot start it, and no script ever runs.
    enable = ("systemctl", "enable", "NetworkManager-dispatcher.service")
    return (Command(enable, "let NetworkManager call its scripts"), start)


def deactivation(host: Host) -> tuple[Command, ...]:  # noqa: ARG001 - as in base.Backend
    """Take out of the kernel what the script put in."""
    return (Command((SCRIPT[Placement.ADMIN], "stop"), "take rules and routes out of the kernel"),)


def after_removal(host: Host) -> tuple[Command, ...]:  # noqa: ARG001 - as in base.Backend
    """NetworkManager reads the folder at every event."""
    return ()


def follower(placement: Placement) -> str:
    """The script with the plan."""
    return SCRIPT[placement]


def depends(state: KernelState, format: str) -> tuple[str, ...]:  # noqa: A002, ARG001 - as in base.Backend
    """ip(8) and NetworkManager."""
    return ("iproute2", "network-manager") if format == "deb" else ("iproute", "NetworkManager")
