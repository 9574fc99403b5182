"""A packet lab's host with a file system of its own, that lives on: for what runs in the background there.

/etc, /var and /usr/local are an overlay over this machine's, in a mount namespace that a process holds open; what is
written goes to ``upper``, and this machine keeps its files. Every process that is left in it is ended with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.command_line import TREE
from tests.packet_lab import PacketLab

OVERLAID = ("etc", "var", "usr/local")
_HOLD = """
for place in etc var usr/local; do
    mkdir -p "$1/upper/$place" "$1/work/$place"
    mount -t overlay overlay -o "lowerdir=/$place,upperdir=$1/upper/$place,workdir=$1/work/$place" "/$place"
done
echo ready
exec sleep infinity
"""


class LiveRoot:
    """``run`` and ``start`` are in the host's network and file system; ``asymgen`` is this tree's."""

    def __init__(self, lab: PacketLab, folder: Path) -> None:
        self.lab = lab
        self.upper = folder / "upper"
        self._holder = lab.host.start("unshare", "-m", "sh", "-euc", _HOLD, "hold", str(folder), stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"

    def argv(self, *words: str) -> list[str]:
        return ["nsenter", "-t", str(self._holder.pid), "-m", "-n", "--wd=/", *words]

    def run(self, *words: str, stdin: str = "", code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.argv(*words), input=stdin, capture_output=True, text=True, check=False, env=environment()
        )
        assert code is None or done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def asymgen(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "asymgen", *words, code=code)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """``asymgen WORDS`` in the background, in a session of its own, as a shell has it."""
        return subprocess.Popen(
            self.argv(sys.executable, "-m", "asymgen", *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env=environment(), start_new_session=True,
        )  # fmt: skip

    def processes(self, word: str) -> list[int]:
        """Those in this root whose command line has ``word``."""
        return [process for process in self._inside() if word in _command_line(process)]

    def close(self) -> None:
        for process in self._inside():
            os.kill(process, signal.SIGKILL)
        self._holder.wait(10)
        if self._holder.stdout is not None:
            self._holder.stdout.close()

    def _inside(self) -> list[int]:
        """Processes in the mount namespace that this object made."""
        ours = _mounts(self._holder.pid)
        assert ours not in ("", _mounts(os.getpid()))
        return [int(name) for name in os.listdir("/proc") if name.isdecimal() and _mounts(int(name)) == ours]


def _mounts(process: int) -> str:
    try:
        return os.readlink(f"/proc/{process}/ns/mnt")
    except (FileNotFoundError, PermissionError):
        return ""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(TREE)}


@contextmanager
def live_root(lab: PacketLab, folder: Path) -> Iterator[LiveRoot]:
    made = LiveRoot(lab, folder)
    try:
        yield made
    finally:
        made.close()


def everything(lab: PacketLab) -> list[str]:
    """Rules, routes, groups and settings of the host, byte for byte."""
    parts = [lab.host.ip(version, kind, *rest) for version in ("-4", "-6")
             for kind, rest in (("rule", ()), ("route", ("show", "table", "all")))]  # fmt: skip
    settings = lab.host.run("sh", "-c", "grep -r . /proc/sys/net/ipv4/conf/eth?/").stdout
    return [*parts, str([(link["ifname"], link["group"]) for link in lab.host.json("link")]), settings]


def wait_until(ask: object, what: str, *, seconds: float = 30) -> None:
    """Until ``ask()`` is true."""
    assert callable(ask)
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {what}"
        time.sleep(0.05)


def _command_line(process: int) -> list[str]:
    """Its words; none of one that ended since it was seen."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
