"""The files that every backend shares: names of tables and protocol, kernel settings, networkd's manners.

Device groups have no file: iproute2 reads /etc/iproute2/group alone, which has no ``.d`` directory
and is not ours to edit. Commands use numbers everywhere; these names are for people.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from asymgen import templating
from asymgen.backends import watcher
from asymgen.errors import UnsupportedError
from asymgen.model import PROTOCOL, Host, KernelState, Placement, RenderedFile


def render(state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    """rt_tables.d, rt_protos.d and, where there are settings, sysctl.d; the watcher where it has something to do."""
    return (*_names(state, host, placement), *_sysctls(state, host, placement), *watcher.render(state, host, placement))


def _names(state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    # /usr/lib/iproute2/rt_tables.d is read since iproute2 6.5 only: /etc for both placements. A package has names of
    # its own in /etc: dpkg would ask a person about a file that --write left there, and fail where nobody answers.
    vendor = placement is Placement.VENDOR
    name = "asymgen-config.conf" if vendor else "asymgen.conf"
    tables = templating.render("shared/rt_tables.conf.j2", host=host, names=table_names(state), vendor=vendor)
    protocol = templating.render("shared/rt_protos.conf.j2", host=host, protocol=PROTOCOL, vendor=vendor)
    return (
        _config(f"/etc/iproute2/rt_tables.d/{name}", tables, "names of the routing tables, for people"),
        _config(f"/etc/iproute2/rt_protos.d/{name}", protocol, "name of the protocol number, for people"),
    )


def _config(path: str, text: str, why: str) -> RenderedFile:
    return RenderedFile(path=PurePosixPath(path), text=text, mode=0o644, why=why, config=True)


def table_names(state: KernelState) -> tuple[tuple[int, str], ...]:
    """(number, name) of each table, by number; names are unique and plain ASCII."""
    tables = {each.uplink.table: each.uplink.interface for each in state.uplinks}
    names: dict[str, int] = {}
    for table, interface in sorted(tables.items()):
        name = "asymgen_" + re.sub(r"[^A-Za-z0-9._-]", "_", interface)
        names[name if name not in names else f"{name}_{table}"] = table
    return tuple((table, name) for name, table in names.items())


def _sysctls(state: KernelState, host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    if not state.sysctls:
        return ()
    for sysctl in state.sysctls:
        # sysctl.d(5) has no quoting: "=" ends a key, and glob characters would set other interfaces too.
        if re.search(r"[=*?\[\]\s]", sysctl.key):
            hint = "rename the interface, or leave it out with --exclude"
            raise UnsupportedError(f"sysctl.d cannot carry the key {sysctl.key!r}", hint=hint)
    vendor = placement is Placement.VENDOR
    text = templating.render("shared/sysctl.conf.j2", host=host, sysctls=state.sysctls, vendor=vendor)
    path = "/usr/lib/sysctl.d/60-asymgen.conf" if vendor else "/etc/sysctl.d/60-asymgen.conf"
    why = "kernel settings of the uplinks, also at boot"
    return (RenderedFile(path=PurePosixPath(path), text=text, mode=0o644, why=why, config=not vendor),)


def networkd_tolerance(host: Host, placement: Placement) -> tuple[RenderedFile, ...]:
    """For hooks on a host where systemd-networkd runs: it must leave rules and routes of others alone.

    It removes foreign rules since 248 (and 247-stable), and can be told not to since 249.
    """
    if "networkd" not in host.managers.running:
        return ()
    number = re.match(r"\d+", host.managers.installed.get("networkd", ""))
    version = int(number.group()) if number else None
    if version is not None and version < 247:
        return ()
    if version is not None and version < 249:
        raise UnsupportedError(
            f"systemd-networkd {version} runs and removes the rules of others, with no setting against it",
            hint="upgrade systemd to 249 or later, or stop systemd-networkd",
        )
    vendor = placement is Placement.VENDOR
    text = templating.render("shared/networkd.conf.j2", host=host, vendor=vendor)
    path = PurePosixPath("/usr/lib" if vendor else "/etc", "systemd/networkd.conf.d/50-asymgen.conf")
    why = "systemd-networkd leaves rules and routes of others alone"
    return (RenderedFile(path=path, text=text, mode=0o644, why=why, config=not vendor),)
