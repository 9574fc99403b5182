"""ifcfg-IF files: those of Red Hat's network-scripts (and old NetworkManager profiles), and of SUSE's wicked.

Sources: sysconfig.txt of initscripts; SUSE's ifcfg(5) and routes(5).
"""

from __future__ import annotations

from asymgen.system.configured import Configured, addresses_in, shell_settings
from asymgen.system.host_files import HostFiles

RED_HAT = "/etc/sysconfig/network-scripts"
SUSE = "/etc/sysconfig/network"
_YES = ("yes", "true", "y", "t", "1", "on")
_BACKUPS = ("~", ".bak", ".orig", ".rpmnew", ".rpmorig", ".rpmsave", ".old", ".dpkg-old", ".dpkg-dist")
_SUSE_DYNAMIC = {"dhcp": ("4", "6"), "dhcp4": ("4",), "dhcp6": ("6",), "auto6": ("6",), "autoip": ()}


def red_hat_interfaces(files: HostFiles) -> dict[str, Configured]:
    """What network-scripts configures, by interface (``DEVICE=``, else the name of the file)."""
    found: dict[str, Configured] = {}
    for path in _files(files, RED_HAT):
        settings = shell_settings(files.text(path) or "")
        name = (settings.get("DEVICE") or _suffix(path)).partition(":")[0]
        found[name] = read_red_hat(files, path).merged_into(found.get(name))
    return found


def read_red_hat(files: HostFiles, path: str) -> Configured:
    """One ifcfg file of Red Hat's kind."""
    settings = shell_settings(files.text(path) or "")
    dynamic = []
    if settings.get("BOOTPROTO", "").lower() in ("dhcp", "bootp"):
        dynamic.append("4")
    if {settings.get(key, "").lower() for key in ("IPV6_AUTOCONF", "DHCPV6C")} & set(_YES):
        dynamic.append("6")
    # An address and the interface behind a percent sign: that is the form for link-local routers.
    gateways = [settings.get(key, "").partition("%")[0] for key in ("GATEWAY", "GATEWAY0", "IPV6_DEFAULTGW")]
    return Configured(file=path, gateways=addresses_in(*gateways), dynamic=tuple(dynamic))


def suse_interfaces(files: HostFiles) -> dict[str, Configured]:
    """What wicked configures, by interface, with the default routes of ifroute-IF and routes."""
    found = {}
    for path in _files(files, SUSE):
        name = _suffix(path)
        settings = shell_settings(files.text(path) or "")
        dynamic = {
            family for word in settings.get("BOOTPROTO", "").split("+") for family in _SUSE_DYNAMIC.get(word, ())
        }
        gateways = _suse_gateways(files, f"{SUSE}/ifroute-{name}", own=name, interface=name)
        gateways += _suse_gateways(files, f"{SUSE}/routes", own=None, interface=name)
        found[name] = Configured(file=path, gateways=addresses_in(*gateways), dynamic=tuple(sorted(dynamic)))
    return found


def _suse_gateways(files: HostFiles, path: str, *, own: str | None, interface: str) -> list[str]:
    """Columns: destination, gateway, netmask, interface; ``-`` is empty. ``own`` stands for an empty interface."""
    found = []
    for line in (files.text(path) or "").splitlines():
        fields = [*line.partition("#")[0].split(), *("-",) * 4][:4]
        device = fields[3] if fields[3] != "-" else own
        if fields[0] in ("default", "0.0.0.0/0", "::/0") and device == interface:
            found.append(fields[1])
    return found


def _files(files: HostFiles, folder: str) -> list[str]:
    names = [name for name in files.names(folder) if name.startswith("ifcfg-")]
    return [f"{folder}/{name}" for name in names if not name.endswith(_BACKUPS)]


def _suffix(path: str) -> str:
    return path.rpartition("/")[2].partition("-")[2]
