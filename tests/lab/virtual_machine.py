"""A machine in QEMU, with a kernel and udev of its own: what systemd-nspawn cannot show. Slow: TCG has no KVM's help.

Its network cards are cables to the gateways' bridges, drawn by a relay process each; the second carries a VLAN, which
the relay takes off. Commands go through a virtio port.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.guest import AGENT, INTERFACES, NAMES, RELAY, SERVER, UNIT
from tests.lab.machine import Machine, wait_for
from tests.lab.roots import System, root_of
from tests.lab.world import World
from tests.namespaces import Namespace
from tests.packet_lab import UDP_CLIENT, PacketLab

_PATIENCE = 300.0
"""Seconds for one answer of an emulated machine while others use the processor."""
_PLACES = (0, 1, 1, 1)
_VLANS = (0, 20, 0, 0)
_KERNEL = "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet panic=-1 mitigations=off"


class Guest(Namespace):
    """The machine's own network namespace, asked through the machine."""

    def __init__(self, server: VirtualMachine) -> None:
        super().__init__("guest")
        self._server = server

    def run(self, *argv: str, check: bool = True, input: str | None = None, **_: Any) -> Any:  # noqa: A002
        return self._server.run(*argv, stdin=input, check=check)

    def ip(self, *arguments: str, check: bool = True) -> str:
        return str(self.run("ip", *arguments, check=check).stdout)

    def route_get(self, family: int, destination: str, source: str | None = None) -> dict[str, Any] | None:
        chosen = ["from", source] if source else []
        done = self.run("ip", "-j", f"-{family}", "route", "get", destination, *chosen, check=False)
        found: dict[str, Any] | None = json.loads(done.stdout)[0] if done.returncode == 0 else None
        return found


@dataclass(frozen=True)
class GuestLab(PacketLab):
    """Servers are in the machine already."""

    def echoes(self, address: str) -> bool:
        return self.client.run(sys.executable, "-c", UDP_CLIENT, address, check=False).returncode == 0


class VirtualMachine(Machine):
    """``root`` is laid out before the first boot; after that the disk is what counts."""

    first_interface = "wan0"

    def __init__(self, system: System, root: Path, world: World, folder: Path) -> None:
        super().__init__(system, root, world, folder / "console.log")
        self.folder = folder
        self._guest = Guest(self)
        self._port: socket.socket | None = None
        self._rest = b""

    @property
    def host(self) -> Namespace:
        return self._guest

    @property
    def lab(self) -> PacketLab:
        return GuestLab(self._guest, self.world.gateways, self.world.client)

    def make_disk(self) -> None:
        """Of what is in ``root`` now."""
        for name, text in (("agent", AGENT), ("server", SERVER)):
            _put(self.root, f"usr/local/lib/lab-{name}.py", text)
            _put(self.root, f"etc/systemd/system/lab-{name}.service", UNIT.format(name=name))
            wants = self.root / f"etc/systemd/system/multi-user.target.wants/lab-{name}.service"
            wants.symlink_to(f"../lab-{name}.service")
        for place, name in enumerate(NAMES):
            link = f"[Match]\nMACAddress={card(place)}\n[Link]\nName={name}\n"
            _put(self.root, f"etc/systemd/network/10-{name}.link", link)
        _put(self.root, "etc/network/interfaces", INTERFACES)
        [kernel], [initrd] = self.root.glob("boot/vmlinuz-*"), self.root.glob("boot/initrd.img-*")
        shutil.copy(kernel, self.folder / "vmlinuz")
        shutil.copy(initrd, self.folder / "initrd")
        argv = ["mkfs.ext4", "-q", "-d", str(self.root), str(self.folder / "disk"), "1500M"]
        subprocess.run(argv, check=True, capture_output=True)

    def boot(self) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                ["qemu-system-x86_64", *self._machine(), *self._cards()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True,
            )  # fmt: skip
        self._connect()

    def _machine(self) -> list[str]:
        return [
            "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-M", "pc", "-smp", "2", "-m", "512",
            "-nodefaults", "-no-reboot", "-nographic",
            "-kernel", str(self.folder / "vmlinuz"), "-initrd", str(self.folder / "initrd"),
            "-append", _KERNEL, "-serial", "stdio", "-monitor", f"unix:{self.folder}/monitor,server=on,wait=off",
            "-drive", f"file={self.folder}/disk,format=raw,if=virtio,cache=unsafe", "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=lab,path={self.folder}/port,server=on,wait=off",
            "-device", "virtserialport,chardev=lab,name=lab",
        ]  # fmt: skip

    def _cards(self) -> list[str]:
        words = []
        for place in range(len(NAMES)):
            ends = (
                f"local.type=unix,local.path={self.folder}/q{place},remote.type=unix,remote.path={self.folder}/w{place}"
            )
            words += ["-netdev", f"dgram,id=n{place},{ends}", "-device", self._card(place)]
        return words

    def _card(self, place: int) -> str:
        return f"virtio-net-pci,id=c{place},netdev=n{place},mac={card(place)},romfile="

    def monitor(self, command: str) -> None:
        """What a person types at QEMU's monitor."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.folder / "monitor"))
            monitor.sendall(command.encode() + b"\n")
            monitor.settimeout(2)
            with suppress(TimeoutError):
                while monitor.recv(4096):
                    pass

    def pull_card(self, place: int) -> None:
        self.monitor(f"device_del c{place}")

    def put_card(self, place: int) -> None:
        self.monitor(f"device_add {self._card(place)}")

    def set_carrier(self, place: int, state: str) -> None:
        """``on`` or ``off``."""
        self.monitor(f"set_link c{place} {state}")

    def _connect(self) -> None:
        wait_for((self.folder / "port").exists, "QEMU has no port", seconds=_PATIENCE)
        self._port, self._rest = socket.socket(socket.AF_UNIX), b""
        self._port.connect(str(self.folder / "port"))
        self._port.settimeout(_PATIENCE)
        assert self._line() == "ready", self.log[-3000:]

    def _line(self) -> Any:
        assert self._port is not None
        while b"\n" not in self._rest:
            got = self._port.recv(65536)
            assert got, f"the machine is gone\n{self.log[-3000:]}"
            self._rest += got
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)

    def run(self, *argv: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        assert self._port is not None
        self._port.sendall(json.dumps({"argv": argv, "stdin": stdin or ""}).encode() + b"\n")
        code, out, err = self._line()
        assert not check or code == 0, f"{argv}: {code}\n{out}{err}"
        return subprocess.CompletedProcess(argv, code, out, err)

    def reboot(self) -> None:
        """QEMU ends then, and another one starts: a reset of emulated processors hangs (tried, 7.2)."""
        self.run("systemctl", "--no-block", "reboot")
        assert self._process is not None
        self._process.wait(_PATIENCE)
        self.close()
        self.boot()

    def close(self) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None
        for name in ("port", "monitor", *(f"q{place}" for place in range(len(NAMES)))):
            (self.folder / name).unlink(missing_ok=True)  # the next boot makes it anew
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None


def card(place: int) -> str:
    return f"02:00:00:00:00:1{place}"


def _put(root: Path, path: str, text: str) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


@contextmanager
def virtual_machine(system: System, world: World, folder: Path) -> Iterator[VirtualMachine]:
    """Its disk is made, its cables are drawn; not booted yet."""
    with ExitStack() as stack:
        root = stack.enter_context(root_of(system, folder / "machine"))
        made = VirtualMachine(system, root, world, folder)
        made.make_disk()
        for place, (end, vlan) in enumerate(zip(_PLACES, _VLANS)):
            stack.enter_context(_cable(world.gateways[end], folder, place, vlan=vlan))
        stack.callback(made.close)
        yield made


@contextmanager
def _cable(gateway: Namespace, folder: Path, place: int, *, vlan: int) -> Iterator[None]:
    words = (f"port{place}", f"{folder}/w{place}", f"{folder}/q{place}", str(vlan))
    process = gateway.start(sys.executable, "-c", RELAY, *words, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
