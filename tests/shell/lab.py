"""A host in a network namespace, and a generated script that runs in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from asymgen.backends import BACKENDS
from asymgen.model import Host, KernelState, Placement
from tests.namespaces import Namespace, namespace
from tests.states import HOST, Wire, kernel_state

SHELLS = (("dash",), ("busybox", "sh"), ("bash", "--posix"))
CHANGING = (" add ", " del ", " replace ", " set ", " flush ")
OLD_HOST = replace(HOST, kernel="3.10.0-1160.el7.x86_64", iproute2="ss170501")

# Passes everything on to the real ip(8), and writes down what it was told.
RECORDER = """#!/bin/sh
printf 'ip %s\\n' "$*" >>"$RECORD"
case " $* " in
*" -batch "*) tee -a "$RECORD" | {real} "$@" ;;
*) exec {real} "$@" ;;
esac
"""


class Lab:
    """A namespace with wires, and the script of one backend for them below ``folder``."""

    def __init__(self, made: Namespace, folder: Path, wires: Sequence[Wire]) -> None:
        self.namespace = made
        self.folder = folder
        self.wires = tuple(wires)
        self.record = folder / "record"
        self.shell: tuple[str, ...] = ("dash",)

    def plug(self) -> None:
        """Make the interfaces, each with a peer that answers nothing; a default route by the first of a family."""
        for index, name in enumerate(dict.fromkeys(wire.interface for wire in self.wires)):
            far = f"peer{index}"
            self.namespace.ip("link", "add", f"near{index}", "type", "veth", "peer", "name", far)
            # Without addresses of its own making, a dump before equals a dump after.
            self.namespace.ip("link", "set", "dev", f"near{index}", "addrgenmode", "none", "name", name)
            self.namespace.ip("link", "set", "dev", far, "addrgenmode", "none", "up")
            self.up(name)
        for family in (4, 6):
            first = next((wire for wire in self.wires if wire.family == family), None)
            if first is not None:
                default = ("default", "via", first.gateway, "dev", first.interface)
                self.namespace.ip(f"-{family}", "route", "add", *default)

    def up(self, name: str) -> None:
        """Bring an interface up with its addresses, as a network manager would."""
        self.namespace.ip("link", "set", "dev", name, "up")
        for wire in self.wires:
            if wire.interface == name:
                nodad = ["nodad"] if wire.family == 6 else []
                self.namespace.ip("address", "replace", wire.address, "dev", name, *nodad)

    def down(self, name: str) -> None:
        """Take an interface down without its addresses, as a network manager would."""
        self.namespace.ip("address", "flush", "dev", name)
        self.namespace.ip("link", "set", "dev", name, "down")

    def write(
        self, state: KernelState, *, backend: str = "sysv", host: Host = HOST, placement: Placement = Placement.ADMIN
    ) -> Path:
        """Write the backend's files below the folder; returns the folder that stands for ``/``."""
        root = self.folder / "root"
        for file in BACKENDS[backend].render(state, host, placement):
            path = root / file.path.relative_to("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, errors="surrogateescape")
            path.chmod(file.mode)
        return root

    def environment(self, **more: str) -> list[str]:
        settings = {"ASYMGEN_LOCK": str(self.folder / "lock"), "RECORD": str(self.record), **more}
        return ["env", *(f"{name}={value}" for name, value in settings.items())]

    def run(
        self, *arguments: str, script: str = "etc/init.d/asymgen", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a written script; whether it succeeded is for the test to say."""
        path = self.folder / "root" / script
        argv = (*self.environment(**environment), *self.shell, str(path), *arguments)
        return self.namespace.run(*argv, check=False, cwd=self.folder)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Run the init script in the background."""
        path = self.folder / "root/etc/init.d/asymgen"
        argv = (*self.environment(**environment), *self.shell, str(path), *arguments)
        return self.namespace.start(*argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def recorder(self) -> str:
        """An ip(8) for ASYMGEN_IP that keeps a record."""
        path = self.folder / "recorder"
        real = subprocess.run(["sh", "-c", "command -v ip"], capture_output=True, text=True, check=True).stdout.strip()
        path.write_text(RECORDER.replace("{real}", real))
        path.chmod(0o755)
        self.record.write_text("")
        return str(path)

    def changing_commands(self) -> list[str]:
        """What the recorder saw that was no question."""
        lines = self.record.read_text().splitlines()
        return [line for line in lines if any(word in f"{line} " for word in CHANGING)]

    def processes(self) -> list[str]:
        """Each start of ip(8) that the recorder saw."""
        return [line for line in self.record.read_text().splitlines() if line.startswith("ip ")]

    def rules(self, family: int) -> list[str]:
        """The kernel's rules that carry our protocol number."""
        lines = self.namespace.ip("-N", f"-{family}", "rule", "show").splitlines()
        return [line.replace("\t", " ") for line in lines if line.endswith("proto 97")]

    def dump(self) -> str:
        """Everything that a script could have changed."""
        parts = [self.namespace.ip("-o", "link", "show")]
        for family in ("-4", "-6"):
            parts.append(self.namespace.ip("-N", family, "rule", "show"))
            parts.append(self.namespace.ip(family, "route", "show", "table", "all"))
        find = "find /proc/sys/net/ipv4/conf -name arp_filter -exec grep -H . {} + | sort"
        parts.append(self.namespace.run("sh", "-c", find).stdout)
        return "\n".join(parts)


@contextmanager
def lab(folder: Path, wires: Sequence[Wire], *, state: KernelState | None = None) -> Iterator[Lab]:
    """A plugged lab with the init script for ``wires`` (or ``state``) written."""
    if os.geteuid() != 0:
        raise AssertionError("needs root")
    with namespace("agsh") as made:
        built = Lab(made, folder, wires)
        built.plug()
        built.write(state if state is not None else kernel_state(wires))
        yield built
