"""asymgen-watch: a small shell script for what no event tells of, and its unit.

It keeps answers ahead of rules that others add later, and tells the backends' scripts of addresses that moved
(router advertisements, IPv6 privacy addresses). No backend, but a service that every backend's files may have
beside them: docs/decisions/0007 and 0021. It knows the rules that are there, whoever set them, so one script does
for all backends of a host.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from asymgen import templating
from asymgen.backends import shell
from asymgen.model import Command, Host, KernelState, Placement, RenderedFile

NAME = "asymgen-watch"

SCRIPT = shell.WATCHER
_SERVICE = "asymgen-watch.service"
_UNIT = {
    Placement.ADMIN: f"/etc/systemd/system/{_SERVICE}",
    Placement.VENDOR: "/usr/lib/systemd/system/asymgen-config-watch.service",
}

# A file where systemctl enable would make a link: an image that is written with --root has it too.
_WANTED = "/etc/systemd/system/multi-user.target.d/50-asymgen-watch.conf"

MARK = PurePosixPath(SCRIPT[Placement.ADMIN])


def render(state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    """The script, and a unit unless the host is known to run another init; nothing where it has nothing to do."""
    if not state.needs_watcher:
        return ()
    path = SCRIPT[placement]
    text = shell.watch_script(
        state, host, path=path, files=(path, *_unit_paths(host, placement)), placement=placement,
        reasons=tuple(_reasons(state)), objects=_objects(state, host), watches_rules=_watches_rules(state, host),
    )  # fmt: skip
    why = "; ".join(_reasons(state))
    files = [RenderedFile(path=PurePosixPath(path), text=text, mode=0o755, why=why)]
    templates = ("watch/asymgen-watch.service.j2", "watch/wanted.conf.j2")
    for unit, template in zip(_unit_paths(host, placement), templates):
        text = templating.render(
            template, host=host, script=path, vendor=placement is Placement.VENDOR, part_of=_part_of(state, placement)
        )
        files.append(RenderedFile(path=PurePosixPath(unit), text=text, mode=0o644, why="starts asymgen-watch"))
    return tuple(files)


def _unit_paths(host: Host, placement: Placement) -> tuple[str, ...]:
    """The unit, and what starts it at boot; a package enables its own as its distribution does."""
    if host.managers.init not in ("systemd", ""):
        return ()
    return (_UNIT[placement], *(() if placement is Placement.VENDOR else (_WANTED,)))


def _part_of(state: KernelState, placement: Placement) -> str:
    """The service whose script it calls: once that is stopped, an address must not bring its rules back."""
    scripts = {each.script for each in state.followed}
    return shell.SERVICE[placement] if scripts == {shell.ROUTING[placement]} else ""


def _watches_rules(state: KernelState, host: Host) -> bool:
    """systemd-networkd removes rules of others when it starts anew, and no address changes then."""
    return bool(state.watched) or "networkd" in host.managers.running


def _objects(state: KernelState, host: Host) -> str:
    """What of the kernel's it listens to, for "ip monitor". A router that changes is a route that does."""
    rules = ("rule",) if _watches_rules(state, host) else ()
    addresses = ("address",) if state.followed else ()
    return " ".join((*rules, *addresses, *(("route",) if state.followed or state.watch_routes else ())))


def _reasons(state: KernelState) -> Iterator[str]:
    if state.watched:
        yield f"keeps answers ahead of tunnels: {state.watch}"
    if state.followed:
        interfaces = dict.fromkeys(each.interface for each in state.followed)
        yield f"follows addresses that move without an event: of {', '.join(interfaces)}"


def activation(host: Host, state: KernelState) -> tuple[Command, ...]:
    """Start it now and at every boot, where ``state`` needs it. Without systemd the scripts of the backends
    start it whenever an uplink comes up."""
    return restart(host) if state.needs_watcher else ()


def restart(host: Host) -> tuple[Command, ...]:
    """Start it with the files that are there now."""
    if host.managers.init != "systemd":
        # restart, not start: one that runs already would keep the old plan
        return (Command((SCRIPT[Placement.ADMIN], "restart"), "watch rules and addresses"),)
    return (
        Command(("systemctl", "daemon-reload"), "let systemd read the watcher's unit"),
        Command(("systemctl", "enable", _SERVICE), "start the watcher at every boot"),
        Command(("systemctl", "restart", _SERVICE), "watch rules and addresses"),
    )


def deactivation(host: Host) -> tuple[Command, ...]:
    """End it and take its jumps away; to be run before rules are taken out, while the files still exist."""
    if host.managers.init == "systemd":
        return (Command(("systemctl", "disable", "--now", _SERVICE), "watch no more"),)
    return (Command((SCRIPT[Placement.ADMIN], "stop"), "watch no more"),)


def after_removal(host: Host) -> tuple[Command, ...]:
    """Let systemd forget the unit."""
    if host.managers.init == "systemd":
        return (Command(("systemctl", "daemon-reload"), "let systemd forget the watcher's unit"),)
    return ()
