"""asymgen-watch: a small shell script that keeps answers ahead of rules that others add later, and its unit.

No backend, but a service that every backend's files may have beside them: docs/decisions/0007. It knows the
rules that are there, whoever set them, so one script does for all backends of a host.
"""

from __future__ import annotations

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

MARK = PurePosixPath(SCRIPT[Placement.ADMIN])


def render(state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    """The script, and a unit unless the host is known to run another init; nothing where no jump must follow."""
    if not state.watched:
        return ()
    path, unit = SCRIPT[placement], _UNIT[placement]
    has_unit = host.managers.init in ("systemd", "")
    text = shell.watch_script(state, host, path=path, files=(path, unit) if has_unit else (path,), placement=placement)
    why = f"keeps answers ahead of tunnels: {state.watch}"
    files = [RenderedFile(path=PurePosixPath(path), text=text, mode=0o755, why=why)]
    if has_unit:
        service = templating.render(
            "watch/asymgen-watch.service.j2", host=host, script=path, vendor=placement is Placement.VENDOR
        )
        files.append(RenderedFile(path=PurePosixPath(unit), text=service, mode=0o644, why="starts asymgen-watch"))
    return tuple(files)


def activation(host: Host, state: KernelState) -> tuple[Command, ...]:
    """Start it now and at every boot, where ``state`` needs it. Without systemd the scripts of the backends
    start it whenever an uplink comes up."""
    return restart(host) if state.watched else ()


def restart(host: Host) -> tuple[Command, ...]:
    """Start it with the files that are there now."""
    if host.managers.init != "systemd":
        # restart, not start: one that runs already would keep the old plan
        return (Command((SCRIPT[Placement.ADMIN], "restart"), "keep answers ahead of tunnels"),)
    return (
        Command(("systemctl", "daemon-reload"), "let systemd read the watcher's unit"),
        Command(("systemctl", "enable", _SERVICE), "start the watcher at every boot"),
        Command(("systemctl", "restart", _SERVICE), "keep answers ahead of tunnels"),
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
