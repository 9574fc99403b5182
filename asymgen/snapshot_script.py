"""``asymgen snapshot --script``: what the script collects, and by which filters.

The script judges nothing: it brings the files and answers that the probe would have read, and
``system/replay.py`` has the probe read them there. What stands here is tested against the probe: whatever
that asks for, the script collects.
"""

from __future__ import annotations

from collections.abc import Mapping

from asymgen.system import dhcpcd, ifcfg, interfaces_file, names, networkd, rivals, udp_sockets
from asymgen.system.probe import IP_OBJECTS, NOT_ROOT
from asymgen.system.sysctls import PER_INTERFACE
from asymgen.templating import render

_BLANKS = "[[:space:]]*"
_NAMES = ("*", ".[!.]*", "..?*")  # "*" leaves out names that begin with a dot
_NAMED = ("rt_tables", "rt_protos", "group", "rt_dsfield")
_NETWORKD_FOLDERS = (*networkd.FOLDERS, "/lib/systemd/network")  # as networkd of Debian up to 12 names it
_UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/generator", "/run/systemd/generator.late", "/run/systemd/system")
_LEASES = ("/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/dhcp3", "/var/lib/NetworkManager")
_DHCPCD_LEASES = ("/var/lib/dhcpcd", "/var/lib/dhcpcd5", "/var/db/dhcpcd")
_KEYFILES = tuple(f"{top}/NetworkManager/system-connections" for top in ("/etc", "/run", "/usr/lib"))
_NETPLAN = ("/lib/netplan", "/usr/lib/netplan", "/etc/netplan", "/run/netplan")


def _settings(*keys: str) -> tuple[str, ...]:
    """sed: the lines ``KEY=value`` of ``keys``."""
    return tuple(f"/^{_BLANKS}{key}{_BLANKS}=/p" for key in keys)


def _words(*keywords: str) -> tuple[str, ...]:
    """sed: the lines that begin with one of ``keywords``."""
    return tuple(f"/^{_BLANKS}{keyword}{end}/p" for keyword in keywords for end in ("[[:space:]]", "$"))


def _in_sections(*keys: str) -> tuple[str, ...]:
    """sed: section headings, and ``keys`` below [connection], [ipv4] and [ipv6], which hold no secret."""
    heading = f"/^{_BLANKS}\\[.*\\]{_BLANKS}$/"
    wanted = (f"/^{_BLANKS}{key}{_BLANKS}=/b wanted" for key in keys)
    # The held heading comes behind the line; P prints the line alone.
    chosen = (f"/\\n{_BLANKS}\\[{section}\\]/P" for section in ("connection", "ipv4", "ipv6"))
    return (f"{heading}{{", "h", "p", "}", *wanted, "b", ":wanted", "G", *chosen)


FILTERS: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "unit": ("p",),  # without comments, as all that is joined
    "interfaces": (
        *_words(
            "iface", "template", "auto", "no-auto-down", "no-scripts", "mapping", "rename", "source",
            "source-directory", "allow-[^[:space:]]*", "gateway", "use", "inherit", "inherits",
        ),
    ),
    "keyfile": _in_sections(
        "interface-name", "method", "gateway", "address[0-9]*", "addresses[0-9]*", "route[0-9]*", "routes[0-9]*"
    ),
    "ifcfg": _settings(
        "DEVICE", "BOOTPROTO", "GATEWAY", "GATEWAY0", "IPV6_DEFAULTGW", "IPV6_AUTOCONF", "DHCPV6C"
    ),
    "netplan": ("/^ *renderer:/p",),
    "dhcpcd": _words("allowinterfaces", "denyinterfaces", "interface", "profile", "ssid", "arping", "static"),
    "dhclient": (
        "/^lease[0-9[:space:]{]/p", "/^}/p", f"/^{_BLANKS}interface[[:space:]]/p",
        f"/^{_BLANKS}option[[:space:]]\\{{1,\\}}routers[[:space:]]/p",
    ),
    "nft": ("/group/p",),  # its JSON is one line: that, or nothing
    "iptables": ("/--src-group/p", "/--dst-group/p"),
}  # fmt: skip
"""sed expressions by the name of a filter: the lines that leave the host. None: the whole file."""

JOINED = ("unit", "interfaces", "keyfile")
"""Filters of files in which a backslash at the end of a line continues it."""

FILES: Mapping[str, tuple[str, ...]] = {
    "all": (
        "/proc/sys/kernel/osrelease", "/proc/sys/kernel/hostname", "/etc/hostname", "/etc/machine-id",
        "/etc/os-release", "/usr/lib/os-release",
        *(f"{folder}/{database}" for folder in names.FOLDERS for database in _NAMED),
        *(f"{folder}/{database}.d/*.conf" for folder in names.FOLDERS for database in _NAMED),
        *udp_sockets.FILES.values(),
        "/run/systemd/netif/links/*", "/run/systemd/netif/leases/*",
        f"{ifcfg.SUSE}/ifroute-*", f"{ifcfg.SUSE}/routes",
        "/var/lib/NetworkManager/internal-*.lease",
        *(f"{folder}/*.lease" for folder in _DHCPCD_LEASES),
    ),
    "unit": (
        *(f"{folder}/*.network" for folder in _NETWORKD_FOLDERS),
        *(f"{folder}/*.network.d/*.conf" for folder in _NETWORKD_FOLDERS),
        *(f"{folder}/networkd.conf{below}" for folder in networkd.DAEMON_FOLDERS for below in ("", ".d/*.conf")),
    ),
    "keyfile": tuple(f"{folder}/*" for folder in _KEYFILES),
    "ifcfg": (f"{ifcfg.RED_HAT}/ifcfg-*", f"{ifcfg.SUSE}/ifcfg-*"),
    "netplan": tuple(f"{folder}/*.yaml" for folder in _NETPLAN),
    "dhcpcd": (dhcpcd.CONFIGURATION,),
    "dhclient": tuple(f"{folder}/dhclient*" for folder in _LEASES),
}  # fmt: skip
"""Files (patterns of the shell) by filter. interfaces(5) is beside these: it names further files itself."""

SETTINGS = (
    ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv[46]/fib_multipath_hash_policy"),
    *(
        tuple(f"/proc/sys/{folder}/{interface}/{setting}" for interface in _NAMES)
        for folder, settings in PER_INTERFACE.items() for setting in settings
    ),
)  # fmt: skip
"""Kernel settings, in the groups in which they are read."""

LINK_FACTS: Mapping[str, tuple[str, ...]] = {
    "": tuple(f"/sys/class/net/{name}/{fact}" for name in _NAMES for fact in ("ifindex", "netdev_group", "tun_flags")),
    "DEVTYPE=": tuple(f"/sys/class/net/{name}/uevent" for name in _NAMES),
}
"""Files of interfaces by the lines that are wanted, where ip(8) prints no JSON."""

FOLDERS = (
    *(f"{folder}/{database}.d" for folder in names.FOLDERS for database in _NAMED),
    *_NETWORKD_FOLDERS, *(f"{folder}/*.network.d" for folder in _NETWORKD_FOLDERS),
    *(f"{folder}/networkd.conf.d" for folder in networkd.DAEMON_FOLDERS), *_UNIT_FOLDERS,
    *_LEASES, *_DHCPCD_LEASES, *_KEYFILES, *_NETPLAN, ifcfg.RED_HAT, ifcfg.SUSE, "/etc/network", "/etc/init.d",
)  # fmt: skip
"""Folders whose names are listed."""

LINKS = ("/sbin/init", *(f"{folder}/*.wants/systemd-networkd.service" for folder in _UNIT_FOLDERS), *rivals.LINKS)

PRESENT = (
    "/run/openrc/softlevel", f"{ifcfg.RED_HAT}/ifup-eth", "/usr/share/ifupdown2", "/etc/network/ifupdown2",
    "/usr/libexec/ifupdown-ng", "/usr/lib/ifupdown-ng", "/etc/network/ifupdown-ng.conf",
    *rivals.PATHS,
)  # fmt: skip
PROGRAM_FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/systemd", "/lib/systemd")
PROGRAMS = (
    "ifup", "systemd-networkd", "NetworkManager", "netplan", "wicked", "wickedd", "dhcpcd", "update-rc.d", "chkconfig",
    "rc-update", "insserv",
)  # fmt: skip

DAEMONS = ("systemd-network", "NetworkManager", "wickedd", "dhcpcd")
"""As /proc/PID/comm has them: it ends after 15 bytes."""

COMMANDS = (
    ("nft", ("nft", "-j", "list", "ruleset")),
    ("iptables", ("iptables-save",)),
    ("iptables", ("ip6tables-save",)),
    *(("all", (program, "--version")) for program in (
        "networkctl", "systemctl", "nmcli", "NetworkManager", "dhcpcd", "wicked", "ifup",
    )),
)  # fmt: skip
"""What is run where it is installed, by filter."""

NETWORK_MANAGER_COMMANDS = (
    ("nmcli", "-t", "-f", "DEVICE,STATE,CON-UUID", "device", "status"),
    ("nmcli", "-t", "-f", "UUID,FILENAME", "connection", "show"),
)
"""Only where the daemon runs: without it nmcli waits."""


def snapshot_script() -> str:
    """The script, for sh on any host."""
    return render(
        "snapshot/snapshot.sh.j2",
        substitutions=_substitutions(), filters=FILTERS, joined=JOINED, files=FILES, settings=SETTINGS,
        link_facts=LINK_FACTS,
        folders=FOLDERS, links=LINKS, present=PRESENT, program_folders=PROGRAM_FOLDERS, programs=PROGRAMS,
        daemons=DAEMONS, commands=COMMANDS, network_manager_commands=NETWORK_MANAGER_COMMANDS,
        interfaces=interfaces_file.MAIN_FILE, ip_objects=IP_OBJECTS, not_root=NOT_ROOT,
    )  # fmt: skip


def _substitutions() -> list[str]:
    """sed: " 41" to "A", what JSON has no letter for to an escape. Each byte has a blank in front until it is
    done, so the blank itself comes last."""
    plain = [code for code in range(0x21, 0x7F) if chr(code) not in '"\\']
    lines = [
        "s/  */ /g;s/ $//",
        r's/ 0a/\\n/g;s/ 09/\\t/g;s/ 22/\\"/g;s/ 5c/\\\\/g',
        r"s/ \([01][0-9a-f]\)/\\u00\1/g;s/ 7f/\\u007f/g;s/ \([89a-f][0-9a-f]\)/\\udc\1/g",
    ]
    tens = (plain[start : start + 10] for start in range(0, len(plain), 10))
    lines += [";".join(f"s/ {code:02x}/{_replacement(code)}/g" for code in ten) for ten in tens]
    return [*lines, "s/ 20/ /g"]


def _replacement(code: int) -> str:
    character = chr(code)
    return f"\\{character}" if character in "/&" else character
