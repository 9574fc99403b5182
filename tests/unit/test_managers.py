"""Who manages what, from the files of hosts that are laid out below a temporary root.

The commands are the real ones of this machine; what they would say about versions plays no part here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asymgen.system import dhcpcd, ifcfg, interfaces_file, netplan, network_manager, networkd
from asymgen.system.commands import Result, Runner
from asymgen.system.configured import Configured, addresses_in, sections, shell_settings
from asymgen.system.host_files import HostFiles
from asymgen.system.leases import read_leases
from asymgen.system.managers import read_init, read_managers
from asymgen.system.names import read_names

LO: dict[str, Any] = {"ifindex": 1, "ifname": "lo", "flags": ["LOOPBACK"], "link_type": "loopback"}
ETH0: dict[str, Any] = {"ifindex": 2, "ifname": "eth0", "link_type": "ether", "address": "02:00:00:00:00:01"}
ETH1: dict[str, Any] = {"ifindex": 3, "ifname": "eth1", "link_type": "ether", "address": "02:00:00:00:00:02"}
LINKS = [LO, ETH0, ETH1]


def host(root: Path, files: Mapping[str, str | bytes]) -> HostFiles:
    """A root folder with ``files``; a text that starts with "-> " is a symbolic link."""
    for path, content in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        elif content.startswith("-> "):
            place.symlink_to(content[3:])
        else:
            place.write_text(content, encoding="utf-8")
    return HostFiles(root)


def managers(files: HostFiles, links: list[dict[str, Any]] = LINKS) -> dict[str, Any]:
    return read_managers(Runner(), files, links)


# --- init ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files, init",
    [
        ({"/run/systemd/system/x": "", "/proc/1/comm": "systemd\n"}, "systemd"),
        ({"/run/openrc/softlevel": "default", "/proc/1/comm": "init\n"}, "openrc"),
        ({"/proc/1/comm": "runit\n"}, "runit"),
        ({"/proc/1/comm": "init\n", "/sbin/init": "-> /bin/busybox"}, "busybox"),
        ({"/proc/1/comm": "init\n", "/sbin/init": ""}, "sysvinit"),
        ({"/proc/1/comm": "nginx\n"}, ""),
        ({}, ""),
    ],
)
def test_init(tmp_path: Path, files: dict[str, str], init: str) -> None:
    assert read_init(host(tmp_path, files)) == init


@pytest.mark.parametrize(
    "files, has",
    [
        ({"/proc/1/comm": "init\n", "/etc/init.d/x": ""}, True),
        ({"/etc/init.d/x": "", "/usr/sbin/update-rc.d": ""}, True),
        ({"/etc/init.d/x": ""}, False),
        ({"/run/systemd/system/x": "", "/etc/init.d/x": "", "/usr/sbin/update-rc.d": ""}, False),
        ({"/proc/1/comm": "init\n"}, False),
    ],
)
def test_sysv_is_installed_where_scripts_are_run(tmp_path: Path, files: dict[str, str], has: bool) -> None:  # noqa: FBT001
    assert ("sysv" in managers(host(tmp_path, files))["installed"]) is has


# --- ifupdown --------------------------------------------------------------------------------------------

INTERFACES = """\
# eth9 is a remark
auto lo eth0
iface lo inet loopback

allow-hotplug eth0
iface eth0 inet static
    address 192.0.2.10/24
\tgateway\t192.0.2.1
iface eth0 inet6 auto
iface eth0:1 inet static
    address 192.0.2.11/24
    gateway \\
        192.0.2.2
source interfaces.d/*.cfg
source-directory /etc/network/more
"""


def test_interfaces_file(tmp_path: Path) -> None:
    files = {
        "/etc/network/interfaces": INTERFACES,
        "/etc/network/interfaces.d/one.cfg": "iface eth1 inet dhcp\n",
        "/etc/network/interfaces.d/two.bak": "iface eth2 inet dhcp\n",
        "/etc/network/more/ok": "iface eth3 inet6 static\n gateway 2001:db8::1\n",
        "/etc/network/more/not.this": "iface eth4 inet dhcp\n",
    }
    found = interfaces_file.read_interfaces(host(tmp_path, files))
    assert found == {
        "lo": Configured("/etc/network/interfaces"),
        "eth0": Configured("/etc/network/interfaces", ("192.0.2.1", "192.0.2.2"), ("6",)),
        "eth1": Configured("/etc/network/interfaces.d/one.cfg", (), ("4",)),
        "eth3": Configured("/etc/network/more/ok", ("2001:db8::1",)),
    }


def test_interfaces_file_that_sources_itself(tmp_path: Path) -> None:
    text = "source /etc/network/interfaces\niface eth0 inet manual\n"
    assert set(interfaces_file.read_interfaces(host(tmp_path, {"/etc/network/interfaces": text}))) == {"eth0"}


def test_interfaces_file_inherits(tmp_path: Path) -> None:
    text = "iface wan inet static\n gateway 192.0.2.1\niface eth0 inet static inherits wan\n address 192.0.2.9/24\n"
    found = interfaces_file.read_interfaces(host(tmp_path, {"/etc/network/interfaces": text}))
    assert found["eth0"].gateways == ("192.0.2.1",)


def test_interfaces_file_inherits_from_what_inherits(tmp_path: Path) -> None:
    text = "iface one inherits two\n gateway 192.0.2.1\niface two inherits one\niface eth0 inet static inherits two\n"
    found = interfaces_file.read_interfaces(host(tmp_path, {"/etc/network/interfaces": text}))
    assert found["eth0"].gateways == ("192.0.2.1",)


def test_interfaces_file_sources_as_a_shell_expands(tmp_path: Path) -> None:
    """What ``ifquery`` of ifupdown 0.8.41 finds: several words, and wildcards in folders."""
    files = {
        "/etc/network/interfaces": (
            "source one.cfg /etc/network/two*\nsource sites/*/lan.[0-9]\nsource-directory more? sites/east\n"
        ),
        "/etc/network/one.cfg": "iface eth1 inet manual\n",
        "/etc/network/two.cfg": "iface eth2 inet manual\n",
        "/etc/network/sites/east/lan.3": "iface eth3 inet manual\n",
        "/etc/network/sites/west/lan.4": "iface eth4 inet manual\n",
        "/etc/network/sites/.hidden/lan.5": "iface eth5 inet manual\n",
        "/etc/network/more1/wan": "iface eth6 inet manual\n",
        "/etc/network/sites/east/wan": "iface eth7 inet manual\n",
    }
    found = interfaces_file.read_interfaces(host(tmp_path, files))
    assert sorted(found) == ["eth1", "eth2", "eth3", "eth4", "eth6", "eth7"]


@pytest.mark.parametrize("line", ["iface eth1 inet static", " gateway 192.0.2.1"])
def test_a_comment_does_not_swallow_the_next_line(tmp_path: Path, line: str) -> None:
    text = "iface eth1 inet static\n gateway 192.0.2.1\n".replace(line, f" # old \\\n{line}")
    found = interfaces_file.read_interfaces(host(tmp_path, {"/etc/network/interfaces": text}))
    assert found["eth1"].gateways == ("192.0.2.1",)


def test_a_comment_does_not_swallow_the_next_line_of_a_network_file() -> None:
    text = "[Network]\n; old \\\nGateway=192.0.2.1\nDNS=192.0.2.2 \\\n# between\n 192.0.2.3\n"
    assert [settings for name, settings in sections(text) if name == "Network"] == [
        [("Gateway", "192.0.2.1"), ("DNS", "192.0.2.2   192.0.2.3")]
    ]


def test_interfaces_file_of_ifupdown_ng(tmp_path: Path) -> None:
    text = "template up\n gateway 2001:db8::1\niface eth0\n inherit up\n use dhcp\nauto eth0\n gateway 10.0.0.1\n"
    found = interfaces_file.read_interfaces(host(tmp_path, {"/etc/network/interfaces": text}))
    assert found == {"eth0": Configured("/etc/network/interfaces", ("2001:db8::1",), ("4",))}


def test_ifupdown_needs_ifup(tmp_path: Path) -> None:
    files = host(tmp_path, {"/etc/network/interfaces": "iface eth0 inet dhcp\niface gone0 inet dhcp\n"})
    assert managers(files)["interfaces"] == {}
    found = managers(host(tmp_path, {"/sbin/ifup": ""}))
    expected = {"manager": "ifupdown", "file": "/etc/network/interfaces", "gateways": [], "dynamic": ["4"]}
    assert found["interfaces"] == {"eth0": expected}
    assert "ifupdown" in found["installed"]


@pytest.mark.parametrize(
    "trace, flavour", [("/usr/share/ifupdown2/x", "ifupdown2"), ("/usr/libexec/ifupdown-ng/x", "ifupdown-ng")]
)
def test_flavour_of_ifupdown(tmp_path: Path, trace: str, flavour: str) -> None:
    found = managers(host(tmp_path, {"/sbin/ifup": "", "/etc/network/interfaces": "", trace: ""}))["installed"]
    assert set(found) == {"ifupdown", flavour}


# --- systemd-networkd and netplan --------------------------------------------------------------------------

NETWORK = """\
[Match]
Name=eth*
[Network]
DHCP=ipv4
Gateway=192.0.2.1
Gateway=_dhcp4
IPv6AcceptRA=yes
[Route]
Destination=10.0.0.0/8
Gateway=192.0.2.99
[Route]
Destination=::/0
Gateway=fe80::1
[Route]
Gateway=192.0.2.2
"""
RUNS = {"/proc/77/comm": "systemd-network\n", "/usr/lib/systemd/systemd-networkd": ""}


@pytest.mark.parametrize(
    "texts, removes",
    [
        ({}, ["rules", "routes"]),
        ({"/etc/systemd/networkd.conf": "[Network]\n#ManageForeignRoutes=no\n"}, ["rules", "routes"]),
        ({"/etc/systemd/networkd.conf": "[Network]\nManageForeignRoutes=no\n"}, ["rules"]),
        ({"/etc/systemd/networkd.conf.d/50-a.conf": "[Network]\nManageForeignRoutingPolicyRules=false\n"}, ["routes"]),
        (
            {
                "/etc/systemd/networkd.conf.d/50-a.conf": "[Network]\nManageForeignRoutingPolicyRules=no\n",
                "/usr/lib/systemd/networkd.conf.d/90-b.conf": "[Network]\nManageForeignRoutingPolicyRules=yes\n",
            },
            ["rules", "routes"],
        ),
        (
            {
                "/etc/systemd/networkd.conf.d/50-a.conf": "[Network]\nManageForeignRoutes=no\n",
                "/usr/lib/systemd/networkd.conf.d/50-a.conf": "[Network]\nManageForeignRoutes=yes\n",
                "/etc/systemd/networkd.conf": "[Network]\nManageForeignRoutes=yes\n",
            },
            ["rules"],
        ),
    ],
)
def test_what_networkd_removes_of_others(tmp_path: Path, texts: dict[str, str], removes: list[str]) -> None:
    assert managers(host(tmp_path / "running", {**RUNS, **texts})).get("networkd_removes", []) == removes
    assert "networkd_removes" not in managers(host(tmp_path / "stopped", texts)), "no daemon, no removal"


def test_networkd_that_runs_is_believed(tmp_path: Path) -> None:
    name = "systemd/network/10-netplan-eth0.network"
    files = {
        **RUNS,
        "/run/systemd/netif/links/2": f"ADMIN_STATE=configured\nNETWORK_FILE=/run/{name}\n"
        f'NETWORK_FILE_DROPINS="/etc/{name}.d/a.conf"\n',
        "/run/systemd/netif/links/3": "ADMIN_STATE=unmanaged\nNETWORK_FILE=/x\n",
        f"/run/{name}": NETWORK,
        f"/etc/{name}.d/a.conf": "[Network]\nGateway=192.0.2.3\n",
        "/etc/netplan/50.yaml": "network:\n  renderer: networkd\n",
        "/usr/sbin/netplan": "",
    }
    found = managers(host(tmp_path, files))
    assert found["running"] == ["networkd"]
    assert found["netplan_renderer"] == "networkd"
    assert {"networkd", "netplan"} == set(found["installed"])
    assert found["interfaces"] == {
        "eth0": {
            "manager": "networkd",
            "file": f"/run/{name}",
            "gateways": ["192.0.2.1", "fe80::1", "192.0.2.2", "192.0.2.3"],
            "dynamic": ["4", "6"],
        }
    }


def test_a_daemon_that_has_ended_does_not_run(tmp_path: Path) -> None:
    """Nobody waited for it yet: /proc has its name still, and no network namespace (proc(5), stat)."""
    files = host(tmp_path, {**RUNS, "/proc/77/stat": "77 (systemd-network) Z 1 77 77 0 -1\n"})
    assert managers(files)["running"] == []
    (tmp_path / "proc/77/stat").write_text("77 (systemd-network) S 1 77 77 0 -1\n")
    assert managers(files)["running"] == ["networkd"]


def test_networkd_of_another_network_namespace_is_not_ours(tmp_path: Path) -> None:
    files = {
        **RUNS,
        "/proc/77/ns/net": "-> net:[1]",
        "/proc/self/ns/net": "-> net:[2]",
        "/run/systemd/netif/links/2": "ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/a.network\n",
        "/run/systemd/netif/leases/2": "ROUTER=192.0.2.1\n",
    }
    found = managers(host(tmp_path, files))
    assert (found["running"], found["interfaces"]) == ([], {})


def test_a_daemon_that_ends_while_it_is_looked_at_does_not_run(tmp_path: Path) -> None:
    found = managers(host(tmp_path, {**RUNS, "/proc/self/ns/net": "-> net:[2]"}))
    assert found["running"] == []


def test_networkd_files_while_it_is_down(tmp_path: Path) -> None:
    files = {
        "/usr/lib/systemd/systemd-networkd": "",
        "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service": "-> /lib/systemd/system/x.service",
        "/usr/lib/systemd/network/05-hidden.network": "[Match]\nName=*\n",
        "/etc/systemd/network/05-hidden.network": "[Match]\nName=wlan*\n",
        "/etc/systemd/network/10-a.network": "[Match]\nName=!eth0 lo\n",
        "/run/systemd/network/20-b.network": "[Match]\nMACAddress=02-00-00-00-00-01\n[Network]\nDHCP=yes\n",
    }
    found = networkd.managed_by_files(host(tmp_path, files), LINKS)
    assert found == {
        "eth0": Configured("/run/systemd/network/20-b.network", (), ("4", "6")),
        "eth1": Configured("/etc/systemd/network/10-a.network"),
    }


def test_networkd_that_nobody_starts_manages_nothing(tmp_path: Path) -> None:
    files = {"/usr/lib/systemd/systemd-networkd": "", "/etc/systemd/network/a.network": "[Match]\nName=*\n"}
    assert managers(host(tmp_path, files))["interfaces"] == {}


@pytest.mark.parametrize(
    "match, fits",
    [
        ("Name=eth0", True), ("Name=eth1 eth0", True), ("Name=eth1\nName=eth0", True), ("Name=eth0\nName=", False),
        ("Name=enp*", True), ("Type=ether", True), ("Type=ether\nName=eth1", False), ("Kind=vlan", False),
        ("PermanentMACAddress=02:00:00:00:00:0A", True), ("Driver=virtio", False), ("", False),
    ],
)  # fmt: skip
def test_match_of_a_network_file(tmp_path: Path, match: str, fits: bool) -> None:  # noqa: FBT001
    link = {**ETH0, "altnames": ["enp0s1"], "permaddr": "02:00:00:00:00:0a"}
    files = {
        "/etc/systemd/network/a.network": f"[Match]\n{match}\n",
        "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service": "-> /x",
    }
    assert bool(networkd.managed_by_files(host(tmp_path, files), [link])) is fits


@pytest.mark.parametrize(
    "texts, renderer",
    [
        ([], ""),
        (["network:\n  version: 2\n"], "networkd"),
        (["network:\n  renderer: NetworkManager\n"], "NetworkManager"),
        (["network:\n  renderer: networkd\n  ethernets:\n    eth0:\n      renderer: NetworkManager\n"], "networkd"),
        (["network:\n  renderer: networkd\n", 'network:\n  renderer: "NetworkManager" # later\n'], "NetworkManager"),
    ],
)
def test_netplan_renderer(tmp_path: Path, texts: list[str], renderer: str) -> None:
    files = {f"/etc/netplan/{index}.yaml": text for index, text in enumerate(texts)}
    assert netplan.read_renderer(host(tmp_path, files)) == renderer


# --- NetworkManager ----------------------------------------------------------------------------------------

KEYFILE = """\
[connection]
id=up
interface-name=eth0
[ipv4]
method=manual
address1=192.0.2.10/24,192.0.2.1
route1=10.0.0.0/8,192.0.2.99
route2=0.0.0.0/0,192.0.2.2
[ipv6]
method=auto
gateway=2001:db8::1
"""


class Answers(Runner):
    """A runner whose nmcli says what a real one of version 1.42 said; everything else is real."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        super().__init__()
        self._answers = answers

    def has(self, program: str) -> bool:
        return program == "nmcli"

    def run(self, argv: Any, **_options: Any) -> Result:
        return Result(
            tuple(argv), 0 if self._answers else 8, self._answers.get(argv[4] if len(argv) > 4 else "", ""), ""
        )


def test_network_manager_profiles(tmp_path: Path) -> None:
    answers = {
        "device": "eth0:connected:u1\neth1:connected (externally):u2\nwlan0:unmanaged:\nodd\\:name:connected:u3\n",
        "connection": "u1:/run/NetworkManager/system-connections/a.nmconnection\nu3:/etc/x/back\\\\slash\n",
    }
    files = host(tmp_path, {"/run/NetworkManager/system-connections/a.nmconnection": KEYFILE})
    assert network_manager.managed_now(Answers(answers), files) == {
        "eth0": Configured(
            "/run/NetworkManager/system-connections/a.nmconnection", ("192.0.2.1", "192.0.2.2", "2001:db8::1"), ("6",)
        ),
        "odd:name": Configured("/etc/x/back\\slash"),
    }


def test_network_manager_that_does_not_answer(tmp_path: Path) -> None:
    assert network_manager.managed_now(Answers({}), host(tmp_path, {})) is None


def test_network_manager_keyfiles_while_it_is_down(tmp_path: Path) -> None:
    files = {"/etc/NetworkManager/system-connections/up.nmconnection": KEYFILE, "/usr/sbin/NetworkManager": ""}
    found = managers(host(tmp_path, files))["interfaces"]
    assert {name: entry["manager"] for name, entry in found.items()} == {"eth0": "NetworkManager"}
    assert found["eth0"]["file"] == "/etc/NetworkManager/system-connections/up.nmconnection"


# --- network-scripts, wicked, dhcpcd -------------------------------------------------------------------------


def test_network_scripts(tmp_path: Path) -> None:
    folder = ifcfg.RED_HAT
    files = {
        f"{folder}/ifup-eth": "",
        f"{folder}/ifcfg-lo": "DEVICE=lo\n",
        f"{folder}/ifcfg-up": 'DEVICE="eth0"\nBOOTPROTO=none\nGATEWAY=192.0.2.1\nIPV6_DEFAULTGW=fe80::1%eth0\n',
        f"{folder}/ifcfg-eth1": "BOOTPROTO=dhcp\nIPV6_AUTOCONF=yes # remark\n",
        f"{folder}/ifcfg-eth1.rpmsave": "DEVICE=eth0\nGATEWAY=192.0.2.7\n",
    }
    found = managers(host(tmp_path, files))["interfaces"]
    assert found == {
        "eth0": {
            "manager": "network-scripts",
            "file": f"{folder}/ifcfg-up",
            "gateways": ["192.0.2.1", "fe80::1"],
            "dynamic": [],
        },
        "eth1": {"manager": "network-scripts", "file": f"{folder}/ifcfg-eth1", "gateways": [], "dynamic": ["4", "6"]},
    }


def test_wicked(tmp_path: Path) -> None:
    folder = ifcfg.SUSE
    files = {
        "/usr/sbin/wicked": "",
        f"{folder}/ifcfg-eth0": "BOOTPROTO='static'\n",
        f"{folder}/ifcfg-eth1": "BOOTPROTO=dhcp4+auto6\n",
        f"{folder}/ifroute-eth0": "# remark\ndefault 192.0.2.1 - -\n10.0.0.0/8 192.0.2.9 - -\n",
        f"{folder}/routes": "default 198.51.100.1 - eth1\ndefault fe80::1\n",
    }
    found = managers(host(tmp_path, files))["interfaces"]
    assert [found[name]["manager"] for name in sorted(found)] == ["wicked", "wicked"]
    assert (found["eth0"]["gateways"], found["eth1"]["gateways"]) == (["192.0.2.1"], ["198.51.100.1"])
    assert found["eth1"]["dynamic"] == ["4", "6"]


def test_dhcpcd(tmp_path: Path) -> None:
    text = "denyinterfaces eth1 wlan*\ninterface eth0\nstatic ip_address=192.0.2.5/24\nstatic routers=192.0.2.1\n"
    files = host(tmp_path, {dhcpcd.CONFIGURATION: text, "/proc/9/comm": "dhcpcd\n"})
    bridge = {"ifindex": 9, "ifname": "br0", "linkinfo": {"info_kind": "bridge"}}
    found = managers(files, [*LINKS, bridge])["interfaces"]
    assert found == {
        "eth0": {"manager": "dhcpcd", "file": dhcpcd.CONFIGURATION, "gateways": ["192.0.2.1"], "dynamic": ["6"]}
    }


def test_who_runs_wins_over_who_only_has_files(tmp_path: Path) -> None:
    files = {
        **RUNS,
        "/run/systemd/netif/links/2": "ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/a.network\n",
        "/sbin/ifup": "",
        "/etc/network/interfaces": "iface eth0 inet dhcp\niface eth1 inet dhcp\n",
    }
    found = managers(host(tmp_path, files))["interfaces"]
    assert {name: entry["manager"] for name, entry in found.items()} == {"eth0": "networkd", "eth1": "ifupdown"}


# --- leases ----------------------------------------------------------------------------------------------

DHCLIENT = """\
lease {
  interface "eth1";
  option routers 198.51.100.9;
}
lease {
  interface "eth1";
  fixed-address 198.51.100.5;
  option routers 198.51.100.1,198.51.100.2;
}
lease {
  interface "gone0";
  option routers 10.0.0.1;
}
"""


def dhcp_message(*options: bytes) -> bytes:
    return b"\2" + bytes(235) + b"\x63\x82\x53\x63" + b"".join(options) + b"\xff"


def test_leases_of_every_client(tmp_path: Path) -> None:
    links = [{"ifindex": index, "ifname": f"eth{index}"} for index in range(5)]
    uuid = "0b2b8f2e-6c1f-4b6e-9c5a-0123456789ab"
    files: dict[str, str | bytes] = {
        "/run/systemd/netif/leases/0": "# private\nADDRESS=192.0.2.9\nROUTER=192.0.2.1 192.0.2.2\n",
        "/var/lib/dhcp/dhclient.eth1.leases": DHCLIENT,
        "/var/lib/dhcp/dhclient6.eth1.leases": DHCLIENT.replace("lease {", "lease6 {").replace("198", "10"),
        f"/var/lib/NetworkManager/internal-{uuid}-eth2.lease": "ADDRESS=10.2.0.9\nROUTER=10.2.0.1\n",
        f"/var/lib/NetworkManager/dhclient-{uuid}-eth3.lease": DHCLIENT.replace("eth1", "eth3"),
        "/var/lib/dhcpcd/eth4.lease": dhcp_message(b"\0\x35\1\5", b"\3\4\x0a\4\0\1"),
    }
    found = read_leases(host(tmp_path, files), links, networkd_runs=True)
    assert [(one["interface"], one["routers"]) for one in found] == [
        ("eth0", ["192.0.2.1", "192.0.2.2"]),
        ("eth1", ["198.51.100.1", "198.51.100.2"]),
        ("eth2", ["10.2.0.1"]),
        ("eth3", ["198.51.100.1", "198.51.100.2"]),
        ("eth4", ["10.4.0.1"]),
    ]
    without = read_leases(host(tmp_path, {}), links, networkd_runs=False)
    assert [one["interface"] for one in without] == ["eth1", "eth2", "eth3", "eth4"]


@pytest.mark.parametrize(
    "message",
    [
        b"", b"\2" * 300, dhcp_message(), dhcp_message(b"\3\2\x0a\0"), dhcp_message(b"\3\4\x0a")[:-1],
        dhcp_message(b"\3"), bytes(240) + b"\3\4\x0a\0\0\1\xff",
    ],
)  # fmt: skip
def test_damaged_dhcp_message_has_no_routers(message: bytes) -> None:
    assert dhcpcd.routers_in(message) == ()


# --- names, files, words -----------------------------------------------------------------------------------


def test_names_in_etc_replace_the_vendors_and_folders_add(tmp_path: Path) -> None:
    files = {
        "/usr/share/iproute2/rt_tables": "10 vendor\n",
        "/usr/lib/iproute2/rt_tables.d/a.conf": "20 hidden\n30 kept\n",
        "/usr/lib/iproute2/rt_tables.d/b.conf": "30 kept\n40 lost\n",
        "/etc/iproute2/rt_tables.d/a.conf": "# 50 remark\n 0x3c sixty\n010 ten\n40 won # remark\n70\n",
        "/etc/iproute2/rt_tables.d/a.conf~": "80 backup\n",
    }
    assert read_names(host(tmp_path, files), "rt_tables") == {
        "10": "ten", "30": "kept", "40": "won", "60": "sixty",
    }  # fmt: skip
    host(tmp_path, {"/etc/iproute2/rt_tables": "11 own\n"})
    assert read_names(HostFiles(tmp_path), "rt_tables")["11"] == "own"
    assert "vendor" not in read_names(HostFiles(tmp_path), "rt_tables").values()


def test_vendor_file_counts_where_etc_has_none(tmp_path: Path) -> None:
    assert read_names(host(tmp_path, {"/usr/share/iproute2/group": "9 up\n"}), "group") == {"9": "up"}


def test_absolute_links_stay_below_root(tmp_path: Path) -> None:
    files = host(tmp_path, {"/usr/lib/os-release": "ID=inner\n", "/etc/os-release": "-> /usr/lib/os-release"})
    assert files.text("/etc/os-release") == "ID=inner\n"
    relative = host(tmp_path, {"/etc/other": "-> ../usr/lib/os-release", "/etc/loop": "-> /etc/loop"})
    assert relative.text("/etc/other") == "ID=inner\n"
    assert relative.text("/etc/loop") is None


def test_what_cannot_be_read_becomes_one_note(tmp_path: Path) -> None:
    files = host(tmp_path, {"/etc/loop": "-> loop"})
    assert files.text("/etc/loop") is None
    assert files.text("/etc/loop") is None
    assert files.text("/etc/missing") is None
    assert files.text("/etc") is None
    assert len(files.notes) == 1
    assert files.notes[0].startswith("/etc/loop could not be read (")


def test_shell_settings() -> None:
    text = 'ID=debian\nNAME="Debian \\"x\\""\n# A=b\nEMPTY=\nQUOTED=\'a b\'\nnot a setting\nB-AD=1\n'
    assert shell_settings(text) == {"ID": "debian", "NAME": 'Debian "x"', "EMPTY": "", "QUOTED": "a b"}


def test_sections_are_not_merged() -> None:
    text = "[Route]\nGateway=a\n; remark=1\n[Route]\nGateway = b \\\n  c\n=odd\n"
    assert list(sections(text)) == [
        ("", []),
        ("Route", [("Gateway", "a")]),
        ("Route", [("Gateway", "b    c"), ("", "odd")]),
    ]


def test_addresses_in() -> None:
    words = ("192.0.2.1", "_dhcp4", "none", "::", "fe80::1%eth0", "", "192.0.2.1", "192.0.2.2")
    assert addresses_in(*words) == ("192.0.2.1", "192.0.2.2")


def test_a_file_of_any_length_is_read_whole(tmp_path: Path) -> None:
    """Not only what comes by the first read, as below /proc/sys."""
    text = "".join(f"# {number}\n" for number in range(5000))
    assert host(tmp_path, {"/etc/network/interfaces": text}).text("/etc/network/interfaces") == text
