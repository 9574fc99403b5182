"""A host with every network manager at once, laid out as files; each of its interfaces has another manager.

Secrets in it say "SECRET": none may leave the host.
"""

from __future__ import annotations

from pathlib import Path

INTERFACES = ("ifup0", "ifup1", "ifup2", "ifup3", "nmgr0", "netd0", "redh0", "suse0", "dhcp0")
OVERLAID = ("etc", "run", "var/lib", "usr/lib", "usr/sbin", "usr/share")
"""Where the files lie, and what has to be overlaid over the machine's own."""

NETWORK = """\
[Match]
Name=netd*
# a remark that ends in a backslash \\
Name=nothing
[Network]
DHCP=ipv4
Gateway=192.0.2.41
[Route]
Destination=::/0
Gateway=fe80::41
"""
KEYFILE = """\
[connection]
id=wireless
uuid=0c5d8d9a-0f5e-4b52-a45c-26f8d8a2a111
interface-name=nmgr0
[wifi-security]
key-mgmt=wpa-psk
psk=SECRET-of-a-keyfile
[vpn]
gateway=SECRET-host.example
[ipv4]
method=manual
address1=192.0.2.30/24,192.0.2.31
route1=0.0.0.0/0,192.0.2.32,100
route2=10.0.0.0/8,192.0.2.33
[ipv6]
method=auto
"""
DHCPCD_LEASE = (
    bytes(236) + b"\x63\x82\x53\x63\x35\x01\x05\x00\x03\x08\xc0\x00\x02\x51\x0a\x22\x5c\x0d" + b"\xff" + bytes(10)
)
"""One router is 192.0.2.81, the other's bytes are a line end, both kinds of quotes' worst and a carriage return."""

FILES: dict[str, str | bytes] = {
    "/etc/os-release": b'NAME="Gr\xfc\xc3\x9fe \\"of\\" $me"\nID=debian\nVERSION_ID=\'9\'\n# remark\nODD\n',
    "/etc/hostname": "unused\n",
    "/etc/machine-id": "00112233445566778899aabbccddeeff\n",
    "/etc/iproute2/rt_tables": "255\tlocal\n254\tmain\n253\tdefault\n0x64 hundred # remark\n",
    "/etc/iproute2/rt_tables.d/own.conf": "200 own\n",
    "/usr/share/iproute2/rt_tables.d/own.conf": "201 vendors\n",
    "/usr/lib/iproute2/rt_protos.d/more.conf": "222 ours\n",
    "/etc/iproute2/group": "0 default\n17 marked\n",
    "/usr/sbin/ifup": "#!/bin/sh\necho 'ifup version 0.8.41'\n",
    "/usr/share/ifupdown2/x": "",
    "/etc/network/interfaces": (
        "auto ifup0\niface ifup0 inet static\n\taddress 192.0.2.10/24\n    wpa-psk SECRET-of-ifupdown\n    gateway \\\n"
        "  192.0.2.11\niface wan inet static\n gateway 192.0.2.12\nsource interfaces.d/*.cfg\n"
        "source-directory /etc/network/more/ sites/*/more\nsource /etc/network/interfaces\nauto\n gateway 192.0.2.19\n"
    ),
    "/etc/network/sites/east/lan.1": "iface ifup3 inet static\n# before \\\n gateway 192.0.2.15\n",
    "/etc/network/sites/east/more/ok": "iface ifup3 inet6 static\n gateway 2001:db8::3\n",
    "/etc/network/interfaces.d/one.cfg": "iface ifup1 inet dhcp inherits wan\nsource ../deeper/*  ../sites/*/lan*\n",
    "/etc/network/interfaces.d/two.bak": "iface ifup1 inet6 dhcp\n",
    "/etc/network/interfaces.d/na me.cfg": "iface ifup1 inet6 auto\n",
    "/etc/network/deeper/last": "iface ifup2 inet6 static\n gateway 2001:db8::1\n",
    "/etc/network/more/ok": "iface ifup2 inet static\n gateway 192.0.2.13\n",
    "/etc/network/more/not.this": "iface ifup2 inet static\n gateway 192.0.2.14\n",
    "/usr/sbin/NetworkManager": "#!/bin/sh\necho 1.42.4\n",
    "/etc/NetworkManager/system-connections/wire less.nmconnection": KEYFILE,
    "/var/lib/NetworkManager/internal-0c5d8d9a-0f5e-4b52-a45c-26f8d8a2a111-nmgr0.lease": "ROUTER=192.0.2.39\n",
    "/usr/sbin/netplan": "#!/bin/sh\n",
    "/etc/netplan/50.yaml": "network:\n  renderer: NetworkManager\n  wifis: {w: {password: SECRET-of-netplan}}\n",
    "/usr/lib/systemd/systemd-networkd": "",
    "/etc/systemd/network/10-first.network": NETWORK,
    "/etc/systemd/network/10-first.network.d/a.conf": "[Network]\nGateway=192.0.2.42\n",
    "/usr/lib/systemd/network/10-first.network": "[Match]\nName=*\n",
    "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service": "-> /usr/lib/systemd/system/x.service",
    "/run/systemd/netif/links/5": "ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/10-first.network\n",
    "/run/systemd/netif/leases/5": "ROUTER=192.0.2.49\n",
    "/etc/sysconfig/network-scripts/ifup-eth": "",
    "/etc/sysconfig/network-scripts/ifcfg-main": (
        'DEVICE=redh0\nBOOTPROTO="dhcp"\nGATEWAY=192.0.2.51\nWIRELESS_KEY=SECRET-of-ifcfg\nIPV6_AUTOCONF=yes\n'
    ),
    "/usr/sbin/wicked": "#!/bin/sh\necho 'wicked 0.6.70'\n",
    "/etc/sysconfig/network/ifcfg-suse0": "BOOTPROTO='dhcp4'\nWIRELESS_WPA_PSK='SECRET-of-wicked'\n",
    "/etc/sysconfig/network/ifroute-suse0": "default 192.0.2.61 - -\n",
    "/etc/sysconfig/network/routes": "default 192.0.2.62 - suse0\n",
    "/usr/sbin/dhcpcd": "#!/bin/sh\necho 'dhcpcd 9.4.1'\n",
    "/etc/dhcpcd.conf": (
        "authtoken 1 realm 0 SECRET-of-dhcpcd\nallowinterfaces dhcp*\ninterface dhcp0\nstatic routers=192.0.2.71\n"
    ),
    "/var/lib/dhcpcd/dhcp0.lease": DHCPCD_LEASE,
    "/var/lib/dhcp/dhclient.ifup1.leases": (
        'lease {\n  interface "ifup1";\n  option routers 192.0.2.91;\n  option domain-name "SECRET.example";\n}\n'
        'lease6 {\n  interface "ifup1";\n}\n'
        'lease {\n  interface "ifup1";\n  option routers 192.0.2.92, 192.0.2.93;\n}\n'
    ),
    "/usr/lib/systemd/system/ocid.service": "",
    "/usr/lib/systemd/system/nm-cloud-setup.service": "",
    "/etc/systemd/system/nm-cloud-setup.service": "-> /dev/null",
    "/etc/network/interfaces.d/50-cloud-init": "",
    "/run/openrc/softlevel": "default",
    "/etc/init.d/one": "",
}


def lay_out(root: Path) -> Path:
    """Put the files below ``root``; a text that begins with "-> " is a symbolic link. Returns ``root``."""
    for path, content in FILES.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            place.symlink_to(content[3:])
            continue
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        place.chmod(0o755 if path.startswith("/usr/sbin/") else 0o644)
    for folder in OVERLAID:
        (root / folder).mkdir(parents=True, exist_ok=True)
    return root
