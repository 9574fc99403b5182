"""The words of docs/proof.md, around the tables that a run fills."""

HEAD = """\
# Proof: real systems, real events

Written by `make lab` on {date}; {versions}. Do not edit.

Each line is a Debian system booted by its own init with its own network manager, between two providers that drop
packets with a foreign source (BCP 38). After each event every address of the machine is asked by ping, TCP and UDP
from a client behind both providers; containers reach the machine's addresses and back; what the machine sends without
a source leaves as before; no packet took the wrong way; no rule is there twice. A figure is the time from the
event's end until all addresses answered a ping again. **lost** means that nothing tells this backend of the event;
a restart of what it wrote puts it right, and the proof was asked after that. An empty cell: the system has no such
event. RPM distributions cannot be booted by this lab: their scripts are the same text, run on these systems."""

PARTS = {
    "events": """\
## Everyday life

An address by DHCP, or IPv6's duplicate detection, takes its own second or two; a router advertises again after up to
three. trixie's dhcpcd takes longer: it probes each address for five seconds (RFC 5227) before it uses it, one
interface after the other; the same machine without asymgen had its addresses 6.7 s after the carrier came back, and
13.2 s after it was started (measured). sid, which changes every day, is reported and never gates. *one subnet*: both
interfaces at one switch, which drops what has the other port's address, ARP included. */32 and /128*: no subnet, a
gateway that is on the link all the same, as hosters do.""",
    "moves": """\
## Addresses that move

The provider of the second uplink renumbers while the machine runs; no link goes down. The clock starts when the
machine's own network manager has the address.""",
    "tunnels": """\
## A tunnel by wg-quick

The real wg-quick, which adds two rules without a priority: they land before all others, and lead every answer into the
tunnel. The watcher (`--ahead`) is a unit of systemd, or started by the init script or hook. What has no source goes
into the tunnel all the while, as wg-quick alone would have it.""",
    "written": """\
## Written, then booted

Nothing is activated by hand. *image*: `detect --write --root` into the root file system of a machine that is off. *own
.deb*: asymgen from its own package writes on the running machine, and is purged before the machine boots again.""",
    "packages": """\
## Lives of packages

Made by `asymgen package` from the machine's own snapshot, installed by dpkg. *inert*: made for another machine, nothing
of it reaches the kernel. *an uplink more, one less*: upgrades to packages whose plan has a third uplink, and then the
second no more, whose address is dead again. *removed*: no rule, route or device group of ours is in the kernel, before
and after a reboot; *purged*: no file is left.""",
    "vm": """\
## A machine with a kernel of its own

In QEMU: Debian 12 with its own kernel and udev, three uplinks of ifupdown: *wan0* (a card that udev renames,
allow-hotplug), a VLAN, a bond of two legs; a VRF beside them; the real WireGuard. Written by `make lab-vm`, not in CI.
The machine is emulated, so its seconds are long ones.""",
}
