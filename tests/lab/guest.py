"""Programs of the QEMU tier that run inside the machine, as text: they are laid into its disk."""

AGENT = '''\
"""Runs what comes in as a line of JSON on the virtio port, and answers with a line of JSON."""
import json, subprocess
with open("/dev/virtio-ports/lab", "r+b", buffering=0) as port:
    port.write(b'"ready"\\n')
    rest = b""
    while True:
        rest += port.read(65536) or b""
        while b"\\n" in rest:
            line, rest = rest.split(b"\\n", 1)
            asked = json.loads(line)
            done = subprocess.run(asked["argv"], input=asked["stdin"], capture_output=True, text=True)
            answer = json.dumps([done.returncode, done.stdout, done.stderr]).encode() + b"\\n"
            while answer:
                answer = answer[port.write(answer):]
'''

SERVER = '''\
"""Answers TCP on every address, and UDP by a socket of each address that is there now."""
import json, select, socket, subprocess, time
listener = socket.create_server(("", 7007), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
bound, looked = {}, 0.0
while True:
    if time.monotonic() > looked + 1:
        looked = time.monotonic()
        links = json.loads(subprocess.run(["ip", "-j", "addr"], capture_output=True).stdout)
        there = {each["local"] for link in links for each in link["addr_info"] if each["scope"] == "global"}
        for address in bound.keys() - there:
            bound.pop(address).close()
        for address in there - bound.keys():
            one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            try:
                one.bind((address, 7007))
                bound[address] = one
            except OSError:
                one.close()
    for ready in select.select([listener, *bound.values()], [], [], 0.5)[0]:
        if ready is listener:
            connection, _ = listener.accept()
            connection.sendall(b"hello")
            connection.close()
        else:
            data, peer = ready.recvfrom(16)
            ready.sendto(data, peer)
'''

UNIT = """\
[Unit]
DefaultDependencies=no
After=systemd-udevd.service

[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/lab-{name}.py
Restart=always
RestartSec=0.2

[Install]
WantedBy=multi-user.target
"""

INTERFACES = """\
auto lo
iface lo inet loopback

# Comes by udev, under the name that a .link file gives it.
allow-hotplug wan0
iface wan0 inet static
    address 192.0.2.10/24
    gateway 192.0.2.1
iface wan0 inet6 static
    address 2001:db8:a::10/64
    gateway 2001:db8:a::1
    dad-attempts 0
    accept_ra 0

auto trunk0.20
iface trunk0.20 inet static
    address 198.51.100.10/24
iface trunk0.20 inet6 static
    address 2001:db8:b::10/64
    dad-attempts 0
    accept_ra 0

auto bond0
iface bond0 inet static
    bond-slaves leg0 leg1
    bond-mode active-backup
    bond-miimon 100
    address 198.18.1.10/24
iface bond0 inet6 static
    address 2001:db8:d::10/64
    dad-attempts 0
    accept_ra 0

# A VRF with a network of its own.
auto blue
iface blue inet manual
    pre-up ip link add blue type vrf table 100
    pre-up ip link add inner0 type dummy
    pre-up ip link set inner0 master blue
    up ip link set blue up
    up ip link set inner0 up
    up ip address add 10.99.0.1/24 dev inner0
    up ip route add default via 10.99.0.254 vrf blue
"""

NAMES = ("wan0", "trunk0", "leg0", "leg1")
"""By udev's .link files, in the order of their MAC addresses."""

RELAY = '''\
"""A cable: frames between QEMU's datagram socket and a tap at the gateway's bridge, by way of a VLAN or none."""
import fcntl, os, select, socket, struct, subprocess, sys
name, near, far, vlan = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x0002 | 0x1000))
subprocess.run(["ip", "link", "set", name, "master", "lan0", "up"], check=True)
wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
wire.bind(near)
print("ready", flush=True)
tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
while True:
    for ready in select.select([tap, wire], [], [])[0]:
        if ready is tap:
            frame = os.read(tap, 65536)
            try:
                wire.sendto(frame[:12] + tag + frame[12:], far)
            except OSError:
                pass  # the machine is off
        else:
            frame = wire.recv(65536)
            if not tag or frame[12:16] == tag:
                os.write(tap, frame[:12] + frame[12 + len(tag):])
'''
