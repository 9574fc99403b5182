"""A machine: a real root file system booted by its real init, in a network namespace of its own.

systemd-nspawn boots it without registering it anywhere; its network is the namespace that the caller plugs into the
world. What this rests on (cgroups, ``nsenter --net``, exit codes) was tried on Debian 12.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests.lab.roots import System, root_of
from tests.lab.world import World
from tests.namespaces import Namespace, namespace
from tests.packet_lab import PacketLab, serving

_serial = itertools.count(1)
_REBOOTED = 133
# A cgroup of its own in each hierarchy: --keep-unit takes the one it is in.
_BOOT = """
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ -f "$hierarchy/cgroup.procs" ] || continue
    mkdir -p "$hierarchy/$1"
    echo $$ >"$hierarchy/$1/cgroup.procs"
done
exec nsenter --net="$2" env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network \\
    systemd-nspawn --quiet --register=no --keep-unit --boot --directory="$3" --machine="$1" --hostname="$4" \\
    --capability=CAP_NET_ADMIN,CAP_NET_RAW --link-journal=no --resolv-conf=off --timezone=off \\
    --console=pipe --notify-ready=no
"""


class Machine:
    """``boot``, ask, ``reboot``, ask again. ``host`` is the network namespace of the present boot."""

    first_interface = "eth0"
    """Which has the default route."""

    def __init__(self, system: System, root: Path, world: World, log: Path) -> None:
        self.system = system
        self.root = root
        self.world = world
        self.name = f"lab-{os.getpid()}-{next(_serial)}"
        self._log = log
        self._stack = ExitStack()
        self._process: subprocess.Popen[str] | None = None
        self._host: Namespace | None = None

    @property
    def host(self) -> Namespace:
        assert self._host is not None, "not booted"
        return self._host

    @property
    def lab(self) -> PacketLab:
        return self.world.seen_with(self.host)

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def boot(self) -> None:
        """Start the init with new cables and, on every address, a server."""
        self._host = self._stack.enter_context(namespace("lab"))
        self.world.plug(self._host)
        self._stack.callback(self.world.unplug)
        self._stack.enter_context(serving(self._host))
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                ["sh", "-euc", _BOOT, "boot", self.name, self._host.path, str(self.root), "machine"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True,
            )  # fmt: skip

    @property
    def init(self) -> int:
        """The process number, seen from here, of the machine's process 1."""
        assert self._process is not None
        return wait_for(lambda: _only_child(self._process), f"{self.name} has no init\n{self.log}")

    def run(self, *argv: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``argv`` in the machine, as root."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.init), "-m", "-u", "-i", "-n", "-p", "-C", "--",
             "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv],
            input=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def reboot(self) -> None:
        """As an administrator reboots it."""
        self.run("systemctl" if self.system.is_systemd else "reboot", *(["reboot"] if self.system.is_systemd else []))
        assert self._ended() == _REBOOTED, self.log
        self.boot()

    def cut_power(self) -> None:
        """No shutdown at all, then on again."""
        self.pull_the_plug()
        self.boot()

    def pull_the_plug(self) -> None:
        """Off, without a shutdown; ``root`` can be changed then, like the image of a machine."""
        os.kill(self.init, signal.SIGKILL)  # of the init alone: without nspawn it would live on
        self._ended()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.pull_the_plug()
        self._stack.close()
        _remove_cgroups(self.name)

    def _ended(self) -> int:
        assert self._process is not None
        code = self._process.wait(60)
        self._stack.close()
        self._stack = ExitStack()
        self._host = None
        return code


def _only_child(process: subprocess.Popen[str] | None) -> int | None:
    assert process is not None
    assert process.poll() is None, "systemd-nspawn has ended"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    is_init = len(children) == 1 and Path(f"/proc/{children[0]}/comm").read_text(encoding="utf-8").strip() in (
        "systemd", "init",
    )  # fmt: skip
    return int(children[0]) if is_init else None


def _remove_cgroups(name: str) -> None:
    for hierarchy in Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified"):
        if (hierarchy / name).is_dir():
            inner = [path for path in (hierarchy / name).rglob("*") if path.is_dir()]
            for folder in (*sorted(inner, reverse=True), hierarchy / name):
                wait_for(partial(_is_removed, folder), f"{folder} holds processes")


def _is_removed(folder: Path) -> bool:
    """Whether it is gone now; one whose last process ends at this moment is busy."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def wait_for(ask: Callable[[], object], otherwise: str, *, seconds: float = 30) -> int:
    """The first true answer of ``ask``, as a number. Fails with ``otherwise`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return int(answer)  # type: ignore[call-overload,no-any-return]
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


@contextmanager
def machine(system: System, world: World, folder: Path) -> Iterator[Machine]:
    """A machine that is not booted yet: its files can be laid into ``root`` first."""
    with root_of(system, folder) as root:
        made = Machine(system, root, world, folder / "console.log")
        try:
            yield made
        finally:
            made.close()
