"""asymgen-watch in a network namespace, as one of the backends' files would run it there."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.namespaces import Namespace

SCRIPT = "usr/local/lib/asymgen/asymgen-watch"


def wait_until(happened: Callable[[], bool], told: Callable[[], object] = lambda: "it did not happen") -> None:
    """Ask again and again, for as long as a loaded machine may need."""
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, told()
        time.sleep(0.03)


class Watcher:
    """The scripts below ``root``, run in ``host``. Its pid file and lock are its own."""

    def __init__(self, host: Namespace, root: Path, folder: Path) -> None:
        self.host = host
        self.root = root
        self.script = root / SCRIPT
        self.pid_file = folder / "lock-watch.pid"
        self.settings = {
            "ASYMGEN_LOCK": str(folder / "lock"),
            "ASYMGEN_WATCH": str(self.script),
            "ASYMGEN_SYSTEMD": str(folder / "no-systemd"),
        }
        self.foreground: subprocess.Popen[str] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, **self.settings, **more}

    def run(self, *words: str, script: str = SCRIPT, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts; whether it succeeded is for the test to say."""
        return self.host.run(str(self.root / script), *words, check=False, env=self.environment(**more))

    def start(self, shell: Sequence[str] = (), **more: str) -> None:
        """In the foreground, as the unit does: a session of its own. What it says is in ``said``."""
        self.said = self.pid_file.with_name("said")
        with self.said.open("a", encoding="utf-8") as out:
            self.foreground = self.host.start(
                "setsid", *shell, str(self.script), "run",
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environment(**more),
            )  # fmt: skip
        wait_until(lambda: self.monitor is not None)

    @property
    def pid(self) -> int | None:
        text = self.pid_file.read_text(encoding="utf-8").strip() if self.pid_file.exists() else ""
        return int(text) if text else None

    def processes(self) -> dict[str, int]:
        """The watcher's own processes: what each is called with, and its number."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text(encoding="utf-8").rsplit(") ", 1)[1].split()
                    words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                except (OSError, IndexError):
                    continue  # it has just ended
                if int(fields[2]) == self.pid and fields[0] != "Z":
                    found[" ".join(words).strip()] = int(entry.name)
        return found

    @property
    def monitor(self) -> int | None:
        """Its ``ip monitor``."""
        return next((pid for words, pid in self.processes().items() if "ip monitor " in words), None)

    def jumps(self, family: int = 4) -> list[str]:
        """Our jumps, as the kernel shows them."""
        lines = self.host.ip("-N", f"-{family}", "rule").splitlines()
        return [line.replace("\t", " ") for line in lines if " goto " in line and line.endswith("proto 97")]

    def end(self) -> None:
        """Whatever happened in the test: nothing stays."""
        self.run("stop")
        if self.foreground is not None:
            self.foreground.wait(10)


@contextmanager
def watcher(host: Namespace, root: Path, folder: Path) -> Iterator[Watcher]:
    """A watcher that is not started yet."""
    made = Watcher(host, root, folder)
    try:
        yield made
    finally:
        made.end()
