"""ifupdown, ifupdown2 and ifupdown-ng: hooks in /etc/network that follow each interface up and down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from asymgen import templating
from asymgen.backends import shared_files, shell
from asymgen.backends.distributions import default_manager
from asymgen.model import Capabilities, Command, Family, Fit, FitReason, Host, KernelState, Placement, RenderedFile
from asymgen.records import record

NAME = "ifupdown"

# run-parts takes no name with a dot in it.
_UP = "/etc/network/if-up.d/asymgen"
_DOWN = "/etc/network/if-post-down.d/asymgen"
_VENDOR_HOOKS = (("/etc/network/if-up.d/asymgen-config", "up"), ("/etc/network/if-post-down.d/asymgen-config", "down"))
PACKAGED = "/usr/libexec/asymgen/routing-ifupdown"  # sysv has its own beside it

MARK = PurePosixPath(_UP)


@record
class LeaseHook:
    """A file that a DHCP client or pppd reads when it has other addresses for an interface."""

    path: str
    template: str
    of: str
    is_ppp: bool = False
    mode: int = 0o644

    def rendered(self, host: Host, placement: Placement) -> RenderedFile:
        role = f"Source-based routing: {self.of} gave an interface an address, or took it away"
        vendor = placement is Placement.VENDOR
        path = f"{self.path}-config" if vendor else self.path
        text = templating.render(self.template, host=host, role=role, script=PACKAGED if vendor else _UP)
        return RenderedFile(PurePosixPath(path), text, self.mode, role, config=path.startswith("/etc/"))


# dhcpcd has one folder for hooks, in /usr; each client ignores the folders of the others.
_LEASE_HOOKS = (
    LeaseHook("/etc/dhcp/dhclient-exit-hooks.d/asymgen", "ifupdown/dhclient_hook.sh.j2", "dhclient"),
    LeaseHook("/usr/lib/dhcpcd/dhcpcd-hooks/70-asymgen", "ifupdown/dhcpcd_hook.sh.j2", "dhcpcd"),
    LeaseHook("/etc/ppp/ip-up.d/0asymgen", "ifupdown/ppp_hook.sh.j2", "pppd", is_ppp=True, mode=0o755),
    LeaseHook("/etc/ppp/ip-down.d/0asymgen", "ifupdown/ppp_hook.sh.j2", "pppd", is_ppp=True, mode=0o755),
)


def capabilities(host: Host) -> Capabilities:
    """What ip(8) can express on ``host``; the kernel tells ifupdown nothing of router advertisements."""
    return replace(shell.capabilities(host), unheard=(Family.IPV6,))


def fit(host: Host, interface: str) -> FitReason:
    """ifupdown runs hooks only for interfaces that it brings up itself."""
    managed = host.managers.interfaces.get(interface)
    if managed is not None and managed.manager == NAME:
        return FitReason(Fit.MANAGES, f"{managed.file or '/etc/network/interfaces'} brings {interface} up")
    if managed is not None:
        return FitReason(Fit.NO, f"{managed.manager} brings {interface} up, so ifupdown runs no hook for it")
    if NAME in host.managers.installed:
        return FitReason(Fit.INSTALLED, "ifupdown is installed")
    if host.managers.installed:
        return FitReason(Fit.NO, "ifupdown is not installed")
    if default_manager(host.os_release) == NAME:
        return FitReason(Fit.DISTRIBUTION_DEFAULT, "the distribution's default, and nothing else is known of the host")
    return FitReason(Fit.NO, "ifupdown is not installed")


def render(state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    """Two hooks with the whole script each; in a package two small ones that call the script in /usr/lib."""
    hooks = _vendor_files(state, host) if placement is Placement.VENDOR else _hooks(state, host)
    return (
        *hooks,
        *_lease_hooks(state, host, placement),
        *shared_files.networkd_tolerance(host, placement),
        *shared_files.render(state, host, placement),
    )


def _role(event: str) -> str:
    return f"Source-based routing for ifupdown: runs after an interface went {event}"


def _hooks(state: KernelState, host: Host) -> tuple[RenderedFile, ...]:
    files = []
    for path, event in ((_UP, "up"), (_DOWN, "down")):
        text = shell.script(
            "ifupdown/hook.sh.j2", state, host,
            path=path, role=_role(event), files=(_UP, _DOWN), event=event,
        )  # fmt: skip
        files.append(RenderedFile(path=PurePosixPath(path), text=text, mode=0o755, why=_role(event)))
    return tuple(files)


def _vendor_files(state: KernelState, host: Host) -> tuple[RenderedFile, ...]:
    files = [
        RenderedFile(
            path=PurePosixPath(PACKAGED),
            text=shell.script(
                "ifupdown/routing.sh.j2", state, host,
                path=PACKAGED, role="Source-based routing, called by the hooks of ifupdown", files=(PACKAGED,),
                placement=Placement.VENDOR,
            ),
            mode=0o755,
            why="the plan as ip commands",
        )
    ]  # fmt: skip
    for path, event in _VENDOR_HOOKS:
        text = templating.render(
            "ifupdown/vendor_hook.sh.j2", host=host, role=_role(event), script=PACKAGED, event=event
        )
        files.append(RenderedFile(path=PurePosixPath(path), text=text, mode=0o755, why=_role(event), config=True))
    return tuple(files)


def _lease_hooks(state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    """Small callers for what gives an interface other addresses while it stays up: ifupdown tells nothing of that."""
    moving = [each.uplink for each in state.uplinks if shell.moves(state, each.uplink)]
    hooks = [hook for hook in _LEASE_HOOKS if any((uplink.gateway is None) is hook.is_ppp for uplink in moving)]
    return tuple(hook.rendered(host, placement) for hook in hooks)


def activation(host: Host) -> tuple[Command, ...]:  # noqa: ARG001 - as in base.Backend
    """ifup runs the hook from now on; the running network gets it here, without ifdown and ifup."""
    return (Command((_UP, "start"), "put rules and routes into the kernel"),)


def deactivation(host: Host) -> tuple[Command, ...]:  # noqa: ARG001 - as in base.Backend
    """Take out of the kernel what the hooks put in."""
    return (Command((_UP, "stop"), "take rules and routes out of the kernel"),)


def after_removal(host: Host) -> tuple[Command, ...]:  # noqa: ARG001 - as in base.Backend
    """Nothing reads the files but the commands of ``deactivation``."""
    return ()


def follower(placement: Placement) -> str:
    """The script with the plan."""
    return _UP if placement is Placement.ADMIN else PACKAGED


def depends(state: KernelState, format: str) -> tuple[str, ...]:  # noqa: A002, ARG001 - as in base.Backend
    """ip(8) and whatever provides ifup."""
    return ("iproute2", "ifupdown | ifupdown2 | ifupdown-ng") if format == "deb" else ("iproute", "ifupdown")
