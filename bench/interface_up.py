"""An interface comes up: what each backend's script does then, against ip(8) with the same lines.

The floor is ``ip -batch`` with exactly the lines that the script gave it; the article's way is an ``ip`` process for
each of them. What no script can do without that is safe to run twice and in parallel is a shell, a lock and two ``ip``:
one that says what is there, and one that gets those lines and says it again.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asymgen.backends import BACKENDS
from asymgen.backends.shell import capabilities
from asymgen.lowering import lower
from asymgen.model import PROTOCOL, Choices, Host, Placement
from asymgen.parse import parse_host
from asymgen.planner import plan as make_plan
from asymgen.system.commands import Runner
from asymgen.system.probe import take_snapshot
from bench.measure import Figure, Samples, seconds_of, take_turns
from bench.networks import entered, many
from bench.report import Row, Table, against

RECORDER = """#!/bin/sh
case " $* " in
*" -batch "*)
    lines=$(cat)
    case " $* " in *" -4 "*) family=-4 ;; *" -6 "*) family=-6 ;; *) family= ;; esac
    if [ -n "$family" ]; then printf '%s\\n' "$lines" | grep -v '^[a-z]* show' >>"$RECORD.$family"; fi
    printf '%s\\n' "$lines" | ip "$@"
    ;;
*) exec ip "$@" ;;
esac
"""


@dataclass(frozen=True)
class Event:
    """How a backend's script is told that an interface is up."""

    script: str
    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


EVENTS = {
    "sysv": Event("etc/init.d/asymgen", ("start",)),
    "ifupdown": Event("etc/network/if-up.d/asymgen", (), (("IFACE", "eth1"), ("MODE", "start"), ("PHASE", "post-up"))),
    "networkmanager": Event("etc/NetworkManager/dispatcher.d/50-asymgen", ("eth1", "up")),
}


class Bench:
    """A host with many addresses on its second uplink, a rule for each, and one backend's script for it."""

    def __init__(self, folder: Path, backend: str) -> None:
        self.folder = folder
        self.event = EVENTS[backend]
        host = parse_host(take_snapshot(Runner()), origin="this host")
        self._write(host, backend)

    def _write(self, host: Host, backend: str) -> None:
        plan = make_plan(host, Choices(rule_by="address"))
        for file in BACKENDS[backend].render(lower(plan, capabilities(host)), host, Placement.ADMIN):
            path = self.folder / file.path.relative_to("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, encoding="utf-8")
            path.chmod(file.mode)

    def tell(self, **more: str) -> None:
        """The event; raises where the script fails."""
        environment = {**os.environ, "ASYMGEN_LOCK": str(self.folder / "lock"), **dict(self.event.environment), **more}
        argv = ["sh", str(self.folder / self.event.script), *self.event.words]
        subprocess.run(argv, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def recorded(self) -> dict[str, str]:
        """What the script gives to ``ip -batch`` to change something, by family ("-4"); what it asks is left out."""
        recorder = self.folder / "recorder"
        recorder.write_text(RECORDER, encoding="utf-8")
        recorder.chmod(0o755)
        self.tell(ASYMGEN_IP=str(recorder), RECORD=str(self.folder / "lines"))
        found = {path.suffix[1:]: path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("lines.*"))}
        return {family: lines for family, lines in found.items() if lines}


def forget() -> None:
    """Everything that the script added goes, and what it may find was there before stays."""
    lines = "".join(f"rule del {rule}\n" for rule in _rules())
    subprocess.run(["ip", "-4", "-force", "-batch", "-"], input=lines, text=True, check=True)
    for table in ("1", "2"):
        subprocess.run(["ip", "-4", "route", "flush", "table", table], check=False, stderr=subprocess.DEVNULL)


def _rules() -> Iterator[str]:
    shown = subprocess.run(["ip", "-N", "-4", "rule", "show"], capture_output=True, text=True, check=True).stdout
    for line in shown.splitlines():
        if line.endswith("proto 97"):
            yield f"pref {line.partition(':')[0]}"


def batch(lines: dict[str, str]) -> None:
    """The floor."""
    for family, text in lines.items():
        subprocess.run(["ip", family, "-force", "-batch", "-"], input=text, text=True, check=True)


def asked_twice(lines: dict[str, str], lock: Path) -> None:
    """The least that runs alone, and asks before and after, whatever it does with the answers."""
    asked = f"rule show\nroute show table all proto {PROTOCOL}\n"
    script = f"exec 9>'{lock}'\nflock -w 30 9\n" + "".join(
        f"ip {family} -batch - >/dev/null <<'END'\n{asked}END\n"
        f"ip {family} -force -batch - >/dev/null <<'END'\n{text}{asked}END\n"
        for family, text in lines.items()
    )
    subprocess.run(["sh", "-e"], input=script, text=True, check=True)


def one_by_one(lines: dict[str, str]) -> None:
    """The article's way, by the same shell that runs the script: a process for each command."""
    script = "".join(f"ip {family} {line}\n" for family, text in lines.items() for line in text.splitlines())
    subprocess.run(["sh"], input=script, text=True, check=True)


def measure(addresses: int, backends: Sequence[str], *, rounds: int) -> dict[str, Samples]:
    """Seconds for each backend's script, for ``ip -batch`` and for one process per command."""
    with many(addresses=addresses - 1) as made, entered(made), tempfile.TemporaryDirectory() as folder:
        benches = {name: Bench(Path(folder, name), name) for name in backends}
        lines = next(iter(benches.values())).recorded()
        contenders: dict[str, Figure] = {name: _after(bench.tell) for name, bench in benches.items()}
        contenders["sh, a lock, asking before and after"] = _after(lambda: asked_twice(lines, Path(folder, "lock")))
        contenders["ip -batch"] = _after(lambda: batch(lines))
        contenders["an ip for each"] = _after(lambda: one_by_one(lines))
        return take_turns(contenders, rounds=rounds, warm=addresses < 1000)


def _after(action: Callable[[], None]) -> Figure:
    def run() -> float:
        forget()
        return seconds_of(action)

    return run


def tables(*, quick: bool) -> Iterator[Table]:
    """One for each number of addresses."""
    rows: list[Row] = []
    for addresses in (1, 10) if quick else (1, 10, 100, 1000):
        found = measure(addresses, list(EVENTS), rounds=1 if quick else 9)
        rows += against(found, "ip -batch", prefix=f"{addresses:,}, ", at_most=dict.fromkeys(EVENTS, 1.3))
    yield Table(
        "An interface comes up: rules for 1 to 1,000 addresses",
        "Rules by address (`--rule-by address`, the worst case: by prefix there are four rules whatever the number of "
        "addresses), none in the kernel yet. `ip -batch` gets the very lines that the script gives to it to change "
        "something. The script also reads what is there before and after, and looks at addresses and device groups: "
        "that is what the batch alone leaves out. A shell that takes a lock and asks for rules and routes before and "
        "after, in one family, and reads nothing of it, is the least that such a script can cost: it must be safe to "
        "run twice and in parallel, and success is what the kernel holds. systemd-networkd is not here: its rules are "
        "files that it reads itself, and nothing of ours runs.",
        "at most 1.3 times `ip -batch`",
        tuple(rows),
    )
