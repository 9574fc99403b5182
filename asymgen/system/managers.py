"""Who configures which interface, and what init system, managers and versions this host has.

Daemons are asked where they run in this network namespace; everything else comes from files, so that a host
whose daemons are down, or a namespace that has none, is still understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from asymgen.system import dhcpcd, ifcfg, interfaces_file, netplan, network_manager, networkd
from asymgen.system.commands import Runner
from asymgen.system.configured import Configured
from asymgen.system.host_files import HostFiles
from asymgen.system.rivals import read_rivals

_PROGRAM_FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/systemd", "/lib/systemd")
_DAEMONS = {  # /proc/PID/comm ends after 15 bytes
    "systemd-network": "networkd", "NetworkManager": "NetworkManager", "wickedd": "wicked", "dhcpcd": "dhcpcd",
}  # fmt: skip
_VERSION_COMMANDS = {
    "networkd": (("networkctl", "--version"), ("systemctl", "--version")),
    "NetworkManager": (("nmcli", "--version"), ("NetworkManager", "--version")),
    "dhcpcd": (("dhcpcd", "--version"),),
    "wicked": (("wicked", "--version"),),
    "ifupdown": (("ifup", "--version"),),
}
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_IFUPDOWN_FLAVOURS = {
    "ifupdown2": ("/usr/share/ifupdown2", "/etc/network/ifupdown2"),
    "ifupdown-ng": ("/usr/libexec/ifupdown-ng", "/usr/lib/ifupdown-ng", "/etc/network/ifupdown-ng.conf"),
}
_SYSV_TOOLS = ("update-rc.d", "chkconfig", "rc-update", "insserv")
_SYSV_INITS = ("sysvinit", "openrc", "busybox")


def read_managers(run: Runner, files: HostFiles, links: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The snapshot's ``managers``."""
    links = list(links)
    init = read_init(files)
    installed = _installed(run, files, init)
    running = _running(files)
    found: dict[str, Any] = {
        "init": init,
        "installed": installed,
        "running": sorted(running),
        "interfaces": _interfaces(run, files, links, installed=installed, running=running),
    }
    removes = networkd.what_it_removes(files) if "networkd" in running else []
    if removes:
        found["networkd_removes"] = removes
    rivals = read_rivals(files)
    if rivals:
        found["rivals"] = rivals
    renderer = netplan.read_renderer(files) if "netplan" in installed else ""
    return {**found, "netplan_renderer": renderer} if renderer else found


def version_commands(run: Runner, files: HostFiles) -> Iterator[tuple[str, ...]]:
    """What :func:`read_managers` asks for the versions of what is installed."""
    for manager in _present(files):
        yield from (argv for argv in _VERSION_COMMANDS.get(manager, ())[:1] if run.has(argv[0]))


def read_init(files: HostFiles) -> str:
    """The init system that runs: systemd, openrc, runit, busybox, sysvinit, or "" where none does
    (a container whose first process is its service)."""
    if files.is_folder("/run/systemd/system"):  # sd_booted(3)
        return "systemd"
    if files.exists("/run/openrc/softlevel"):
        return "openrc"
    first = (files.text("/proc/1/comm", optional=True) or "").strip()
    if first == "runit":
        return "runit"
    if first != "init":
        return "systemd" if first == "systemd" else ""
    return "busybox" if "busybox" in (files.link_target("/sbin/init") or "") else "sysvinit"


def _has_program(files: HostFiles, *names: str) -> bool:
    return files.any_exists(*(f"{folder}/{name}" for folder in _PROGRAM_FOLDERS for name in names))


def _present(files: HostFiles) -> list[str]:
    present = {
        "ifupdown": _has_program(files, "ifup") and files.is_folder("/etc/network"),
        "networkd": _has_program(files, "systemd-networkd"),
        "NetworkManager": _has_program(files, "NetworkManager"),
        "netplan": _has_program(files, "netplan"),
        "wicked": _has_program(files, "wicked", "wickedd"),
        "dhcpcd": _has_program(files, "dhcpcd"),
        "network-scripts": files.exists(f"{ifcfg.RED_HAT}/ifup-eth"),
    }
    return [name for name, is_there in present.items() if is_there]


def _installed(run: Runner, files: HostFiles, init: str) -> dict[str, str]:
    found = {name: _version(run, name) for name in _present(files)}
    for flavour, traces in _IFUPDOWN_FLAVOURS.items():
        if "ifupdown" in found and files.any_exists(*traces):
            found[flavour] = found["ifupdown"]
    has_scripts = files.is_folder("/etc/init.d")
    if has_scripts and (init in _SYSV_INITS or (init != "systemd" and _has_program(files, *_SYSV_TOOLS))):
        found["sysv"] = ""
    return found


def _version(run: Runner, manager: str) -> str:
    for argv in _VERSION_COMMANDS.get(manager, ()):
        if run.has(argv[0]):
            result = run.run(argv, check=False)
            matched = _VERSION.search(result.stdout or result.stderr)
            if result.returncode == 0 and matched:
                return matched[0]
    return ""


def _running(files: HostFiles) -> set[str]:
    """Managers whose daemon runs in this network namespace: one in a container is not ours."""
    found = set()
    for process in files.names("/proc"):
        if process.isdecimal():
            name = _DAEMONS.get((files.text(f"/proc/{process}/comm", optional=True) or "").rstrip("\n"))
            if name is not None and name not in found and _runs_here(files, process):
                found.add(name)
    return found


def _runs_here(files: HostFiles, process: str) -> bool:
    return _is_alive(files, process) and _shares_our_network(files, process)


def _is_alive(files: HostFiles, process: str) -> bool:
    """Whether it has not ended: one that nobody waited for keeps its name, and has no network any more."""
    after_name = (files.text(f"/proc/{process}/stat", optional=True) or "").rpartition(")")[2]
    return after_name.split()[:1] not in (["Z"], ["X"])


def _shares_our_network(files: HostFiles, process: str) -> bool:
    link = f"/proc/{process}/ns/net"
    ours, theirs = files.link_target("/proc/self/ns/net"), files.link_target(link)
    if ours is None or theirs is None:
        # Who is not root may not see, and believes it; a process that ended meanwhile has no such link.
        return ours is None or files.has_link(link)
    return theirs == ours


def _interfaces(
    run: Runner,
    files: HostFiles,
    links: list[Mapping[str, Any]],
    *,
    installed: Mapping[str, str],
    running: set[str],
) -> dict[str, Any]:
    """Manager of each link. Running daemons know best; then files, those first whose tool needs no daemon."""
    names = {str(link.get("ifname")) for link in links}
    network_manager_says = network_manager.managed_now(run, files) if "NetworkManager" in running else None
    claims: list[tuple[str, Mapping[str, Configured]]] = [
        ("NetworkManager", network_manager_says or {}),
        ("networkd", networkd.managed_now(files, links) if "networkd" in running else {}),
        ("ifupdown", interfaces_file.read_interfaces(files) if "ifupdown" in installed else {}),
        ("network-scripts", ifcfg.red_hat_interfaces(files) if "network-scripts" in installed else {}),
        ("wicked", ifcfg.suse_interfaces(files) if "wicked" in installed else {}),
    ]
    if "NetworkManager" in installed and network_manager_says is None:
        claims.append(("NetworkManager", network_manager.managed_by_files(files)))
    if "networkd" in installed and "networkd" not in running:
        claims.append(("networkd", networkd.managed_by_files(files, links)))
    if "dhcpcd" in running:
        claims.append(("dhcpcd", dhcpcd.managed_now(files, links)))
    found: dict[str, Any] = {}
    for manager, claimed in claims:
        for name, configured in claimed.items():
            if name in names and name != "lo":
                found.setdefault(name, configured.managed_by(manager))
    return found
