"""SysV: an init script with LSB header, and beside it a native unit that does not need it.

systemd dropped SysV scripts in version 260, and prefers a unit of the same name before that.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from asymgen import templating
from asymgen.backends import shared_files, shell
from asymgen.model import Capabilities, Command, Family, Fit, FitReason, Host, KernelState, Placement, RenderedFile

NAME = "sysv"

_INIT = {Placement.ADMIN: "/etc/init.d/asymgen", Placement.VENDOR: "/etc/init.d/asymgen-config"}
_UNIT = {
    Placement.ADMIN: "/etc/systemd/system/asymgen.service",
    Placement.VENDOR: "/usr/lib/systemd/system/asymgen-config.service",
}
_SCRIPT = shell.ROUTING
# A file where systemctl enable would make a link: it comes with --root, and goes with the other files.
_WANTED = "/etc/systemd/system/multi-user.target.d/50-asymgen.conf"
_INITS_WITHOUT_RUNLEVELS = ("openrc", "runit", "busybox")

_HAVE_BACKENDS = ("ifupdown", "NetworkManager", "networkd")

MARK = PurePosixPath(_INIT[Placement.ADMIN])
PACKAGED = _SCRIPT[Placement.VENDOR]


def capabilities(host: Host) -> Capabilities:
    """What ip(8) can express on ``host``; a service at boot hears of no address at all."""
    return replace(shell.capabilities(host), unheard=(Family.IPV4, Family.IPV6))


def fit(host: Host, interface: str) -> FitReason:
    """A service at boot suits every interface, but hears nothing of a link that goes down and up."""
    init = host.managers.init
    if init in _INITS_WITHOUT_RUNLEVELS:
        return FitReason(Fit.NO, f"{init} runs neither SysV scripts nor units")
    service = f"a service of {init} at boot" if init else "a service at boot; the init system is not known"
    fit = Fit.INSTALLED if init else Fit.DISTRIBUTION_DEFAULT
    return FitReason(fit, f"{_who(host, interface)}{service}; no events when {interface} goes down and up")


def _who(host: Host, interface: str) -> str:
    """Who brings the interface up, where no other backend is his; "" where one is, or nothing is known at all."""
    managed = host.managers.interfaces.get(interface)
    if managed is None:
        return f"nothing that is known here brings {interface} up: " if host.managers.installed else ""
    return "" if managed.manager in _HAVE_BACKENDS else f"{managed.manager} brings {interface} up and has no backend: "


def render(state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    """The init script, the unit and its script: two scripts with the same commands, each complete."""
    return (
        _init_script(state, host, placement),
        _routing_script(state, host, placement),
        _unit(state, host, placement),
        *_wanted(host, placement),
        *shared_files.networkd_tolerance(host, placement),
        *shared_files.render(state, host, placement),
    )


def _own_files(placement: Placement) -> tuple[str, ...]:
    wanted = () if placement is Placement.VENDOR else (_WANTED,)
    return (_INIT[placement], _SCRIPT[placement], _UNIT[placement], *wanted)


def _init_script(state: KernelState, host: Host, placement: Placement) -> RenderedFile:
    vendor = placement is Placement.VENDOR
    role = "Source-based routing, as a SysV service"
    text = shell.script(
        "sysv/init.sh.j2", state, host,
        path=_INIT[placement], role=role, files=_own_files(placement), placement=placement,
        counterpart=_SCRIPT[placement] if vendor else "",
    )  # fmt: skip
    return RenderedFile(path=PurePosixPath(_INIT[placement]), text=text, mode=0o755, why=role, config=vendor)


def _routing_script(state: KernelState, host: Host, placement: Placement) -> RenderedFile:
    path = _SCRIPT[placement]
    role = "Source-based routing, called by asymgen.service"
    text = shell.script(
        "shell/routing.sh.j2", state, host, path=path, role=role, files=_own_files(placement), placement=placement
    )
    return RenderedFile(path=PurePosixPath(path), text=text, mode=0o755, why=role)


def _unit(state: KernelState, host: Host, placement: Placement) -> RenderedFile:
    text = templating.render(
        "sysv/asymgen.service.j2",
        host=host,
        script=_SCRIPT[placement],
        vendor=placement is Placement.VENDOR,
        watched=bool(state.followed),
    )
    why = "the same service for systemd, which dropped SysV scripts in 260"
    return RenderedFile(path=PurePosixPath(_UNIT[placement]), text=text, mode=0o644, why=why)


def _wanted(host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    """For images that are written by ``--root``; a package enables its unit as its distribution does."""
    if placement is Placement.VENDOR:
        return ()
    text = templating.render("sysv/wanted.conf.j2", host=host)
    why = "starts the unit at boot, also where no systemctl enabled it"
    return (RenderedFile(path=PurePosixPath(_WANTED), text=text, mode=0o644, why=why),)


def activation(host: Host) -> tuple[Command, ...]:
    """Enable the service and start it."""
    if host.managers.init == "systemd":
        return (
            Command(("systemctl", "daemon-reload"), "let systemd read the unit"),
            Command(("systemctl", "enable", "asymgen.service"), "start it at every boot"),
            # restart, not start: a unit that is active already would keep the old plan
            Command(("systemctl", "restart", "asymgen.service"), "put rules and routes into the kernel"),
        )
    return (
        Command(_runlevels(host, enable=True), "start it at every boot"),
        Command((str(MARK), "start"), "put rules and routes into the kernel"),
    )


def deactivation(host: Host) -> tuple[Command, ...]:
    """Stop the service and take it out of the boot."""
    if host.managers.init == "systemd":
        return (
            # A start that failed halfway leaves a unit that is not active, so stop would do nothing.
            Command((str(MARK), "stop"), "take rules and routes out of the kernel"),
            Command(("systemctl", "disable", "--now", "asymgen.service"), "start it no more"),
        )
    return (
        Command((str(MARK), "stop"), "take rules and routes out of the kernel"),
        Command(_runlevels(host, enable=False), "start it no more"),
    )


def _runlevels(host: Host, *, enable: bool) -> tuple[str, ...]:
    distributions = {host.os_release.get("ID", ""), *host.os_release.get("ID_LIKE", "").split()}
    if distributions & {"rhel", "fedora", "centos", "suse", "opensuse", "sles"}:
        return ("chkconfig", "--add" if enable else "--del", "asymgen")
    return ("update-rc.d", "asymgen", "defaults") if enable else ("update-rc.d", "-f", "asymgen", "remove")


def after_removal(host: Host) -> tuple[Command, ...]:  # noqa: ARG001 - as in base.Backend
    """Nothing reads the files but the commands of ``deactivation``."""
    return ()


def follower(placement: Placement) -> str:
    """The script with the plan."""
    return _SCRIPT[placement]


def depends(state: KernelState, format: str) -> tuple[str, ...]:  # noqa: A002, ARG001 - as in base.Backend
    """ip(8) alone: the script is plain sh."""
    return ("iproute2",) if format == "deb" else ("iproute",)
