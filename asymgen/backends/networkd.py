"""systemd-networkd: a drop-in beside the .network file that wins for each uplink's interface.

networkd sets rules and routes of its own when it configures a link, and again after a loss of carrier, so
nothing else has to follow events. Sources: systemd.network(5), which names the version of each key; the
figures were tried with the daemons of systemd 247, 252 and 257.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from asymgen import templating
from asymgen.backends import networkd_follow, shared_files
from asymgen.errors import UnsupportedError
from asymgen.model import (
    Capabilities,
    Command,
    Fit,
    FitReason,
    Host,
    KernelState,
    ManagedInterface,
    Placement,
    RenderedFile,
    UplinkState,
)

NAME = "systemd-networkd"
MANAGER = "networkd"
"""The name of the daemon among ``Host.managers``."""

_FOLDERS = {Placement.ADMIN: "/etc/systemd/network", Placement.VENDOR: "/usr/lib/systemd/network"}
_DROPIN = "50-asymgen.conf"

MARK = PurePosixPath(f"/etc/systemd/network/*.network.d/{_DROPIN}")
PACKAGED = ""

OLDEST = 236
"""The first version with IncomingInterface=; [RoutingPolicyRule] itself is one older."""

# The versions that brought each key. An unknown version counts as having all but the newest, goto.
SUPPRESS_PREFIXLENGTH, SUPPRESS_GROUP, RULE_TYPE, GOTO = 245, 250, 248, 257
_RELOAD, _LEASED_GATEWAY = 244, 247


def version(host: Host) -> int | None:
    """The major version of systemd on ``host``, None where it is not known."""
    number = re.match(r"\d+", host.managers.installed.get(MANAGER, ""))
    return int(number.group()) if number else None


def _has(host: Host, since: int, *, unknown: bool = True) -> bool:
    found = version(host)
    return unknown if found is None else found >= since


def capabilities(host: Host) -> Capabilities:
    """What networkd's keys can express: rules are always ``proto static`` and keep no order in a priority."""
    return Capabilities(
        suppress_prefixlength=_has(host, SUPPRESS_PREFIXLENGTH),
        suppress_ifgroup=_has(host, SUPPRESS_GROUP),
        goto=_has(host, GOTO, unknown=False),
        error_rules=_has(host, RULE_TYPE),
        rule_protocol=False,
        ordered=False,
        follows=_has(host, _LEASED_GATEWAY),
        unheard_temporary=_has(host, _LEASED_GATEWAY),
    )


def fit(host: Host, interface: str) -> FitReason:
    """Only what networkd itself configures: a drop-in for any other interface is never read."""
    managed = host.managers.interfaces.get(interface)
    if managed is not None and managed.manager == MANAGER:
        if not _has(host, OLDEST):
            return FitReason(
                Fit.NO, f"systemd-networkd {version(host)} has no rules for outgoing packets ({OLDEST} has)"
            )
        return FitReason(Fit.MANAGES, f"{managed.file or 'systemd-networkd'} configures {interface}")
    if managed is not None:
        return FitReason(Fit.NO, f"{managed.manager} brings {interface} up, so systemd-networkd reads no file for it")
    return FitReason(Fit.NO, f"no .network file is known to configure {interface}")


def render(state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    """One drop-in for each interface with an uplink, and the shared files."""
    if not _has(host, OLDEST):
        raise UnsupportedError(
            f"systemd-networkd {version(host)} has no rules for outgoing packets, {OLDEST} has",
            hint="upgrade systemd, or name another backend: --backend sysv",
        )
    interfaces = dict.fromkeys(each.uplink.interface for each in state.uplinks)
    dropins = tuple(_dropin(state, host, placement, interface=interface) for interface in interfaces)
    winners = {interface: _winning_name(host, interface) for interface in interfaces}
    # What cannot take the gateway from the lease would send a moved address to the old one.
    follow = _has(host, _LEASED_GATEWAY)
    followers = networkd_follow.follow_files(state, host, placement, winners=winners) if follow else ()
    return (*dropins, *followers, *shared_files.render(state, host, placement))


def _dropin(state: KernelState, host: Host, placement: Placement, *, interface: str) -> RenderedFile:
    from asymgen.backends.networkd_sections import sections  # noqa: PLC0415 - only for what networkd configures

    winner = _winning_name(host, interface)
    group = next((member.group for member in state.groups if member.interface == interface), None)
    vendor = placement is Placement.VENDOR
    own = [each for each in state.uplinks if each.uplink.interface == interface]
    text = templating.render(
        "networkd/dropin.conf.j2", host=host, interface=interface, winner=winner, group=group, vendor=vendor,
        sections=tuple(section for each in own for section in sections(each, follows=_follows(host, each))),
    )  # fmt: skip
    path = PurePosixPath(_FOLDERS[placement], f"{winner}.d", _DROPIN)
    return RenderedFile(path=path, text=text, mode=0o644, why=f"rules and routes of {interface}, for systemd-networkd")


def _winning_name(host: Host, interface: str) -> str:
    """The name of the .network file that configures ``interface`` and nothing else."""
    managed = host.managers.interfaces.get(interface)
    name = PurePosixPath(managed.file or "").name if managed is not None and managed.manager == MANAGER else ""
    if not name.endswith(".network") or not name.isprintable():
        raise UnsupportedError(
            f"{interface}: it is not known which .network file configures it"
            + (f" ({name!r} is none)" if name else ""),
            hint=f"name it: --network-file {interface}=NAME.network",
        )
    others = [one for one, other in host.managers.interfaces.items() if one != interface and _is_named(other, name)]
    if others:
        raise UnsupportedError(
            f"{name} configures {interface} and {', '.join(others)}: what is added to it would apply to all of them",
            hint=f"copy it to a file for {interface} alone (its name sorts before {name}, [Match] Name={interface}), "
            f"then say --network-file {interface}=THAT-NAME; or name another backend: --backend sysv",
        )
    return name


def _is_named(managed: ManagedInterface, name: str) -> bool:
    return managed.manager == MANAGER and PurePosixPath(managed.file or "").name == name


def _follows(host: Host, state: UplinkState) -> bool:
    """Whether the gateway is the one that networkd learns from DHCP or a router advertisement.

    networkd does not say of IPv6AcceptRA= when it is on by default: there a link-local router on a
    dynamic uplink, which no file names, shows it.
    """
    uplink = state.uplink
    managed = host.managers.interfaces.get(uplink.interface)
    if managed is None or uplink.gateway is None or uplink.gateway in managed.gateways:
        return False
    if not uplink.dynamic or "--gateway" in uplink.gateway_source or not _has(host, _LEASED_GATEWAY):
        return False
    return uplink.family in managed.dynamic or uplink.gateway.is_link_local


def activation(host: Host) -> tuple[Command, ...]:
    """networkd reads its files anew and applies what is new; no interface goes down."""
    return (*_reading(host), *_following())


def _reading(host: Host) -> tuple[Command, ...]:
    forget = Command(("sh", "-c", networkd_follow.FORGET), "what an earlier plan followed")
    if _has(host, _RELOAD):
        return (forget, Command(("networkctl", "reload"), "systemd-networkd reads the files and sets rules and routes"))
    why = f"systemd-networkd {version(host)} cannot reload: it starts anew, the interfaces stay up"
    return (forget, Command(("systemctl", "restart", "systemd-networkd.service"), why))


def _following() -> tuple[Command, ...]:
    """Where addresses move, and only there, the script lies there."""
    script, unit = networkd_follow.SCRIPT, networkd_follow.UNIT
    start = f"[ ! -x {script} ] || {{ systemctl daemon-reload && systemctl restart {unit} && {script} follow; }}"
    return (Command(("sh", "-c", start), "follow addresses that move"),)


def deactivation(host: Host) -> tuple[Command, ...]:  # noqa: ARG001 - as in base.Backend
    """Follow no more. Rules and routes stay: as long as the files are there, networkd would set them again."""
    script = networkd_follow.SCRIPT
    return (Command(("sh", "-c", f"[ ! -x {script} ] || {script} stop"), "follow addresses no more"),)


def after_removal(host: Host) -> tuple[Command, ...]:
    """networkd forgets rules and routes when it finds the files gone."""
    return _reading(host)


def follower(placement: Placement) -> str:
    """The script with the plan."""
    return networkd_follow.SCRIPTS[placement]


def depends(state: KernelState, format: str) -> tuple[str, ...]:  # noqa: A002, ARG001 - as in base.Backend
    """The daemon; it is in Debian's own systemd package."""
    return ("systemd",) if format == "deb" else ("systemd-networkd",)
