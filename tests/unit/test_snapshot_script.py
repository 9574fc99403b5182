"""The script collects whatever the probe asks for, and finishing what it brought is robust. Pure, but for a folder."""

from __future__ import annotations

import fnmatch
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from posixpath import normpath
from typing import Any

import pytest

from asymgen import snapshot_script as wanted
from asymgen.errors import InputError
from asymgen.system import firewall, managers
from asymgen.system.commands import Result, Runner, pasteable
from asymgen.system.host_files import HostFiles
from asymgen.system.interfaces_file import MAIN_FILE
from asymgen.system.probe import describe_host
from asymgen.system.replay import finish, is_collected, tidied
from tests.laid_out_host import INTERFACES, lay_out

LINKS = [{"ifname": name, "ifindex": index} for index, name in enumerate(("netd0", *INTERFACES), start=5)]
DAEMONS = {"11": "systemd-network", "12": "NetworkManager", "13": "dhcpcd", "14": "wickedd", "15": "cron"}


class Recorder(HostFiles):
    """The files below a root, and every path that was asked for, by what was asked."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: dict[str, set[str]] = {
            "data": set(),
            "exists": set(),
            "is_folder": set(),
            "links": set(),
            "names": set(),
        }

    def data(self, path: str, *, optional: bool = False) -> bytes | None:
        self.asked["data"].add(path)
        return super().data(path, optional=optional)

    def exists(self, path: str) -> bool:
        self.asked["exists"].add(path)
        return super().exists(path)

    def is_folder(self, path: str) -> bool:
        self.asked["is_folder"].add(path)
        return super().is_folder(path)

    def link_target(self, path: str) -> str | None:
        self.asked["links"].add(path)
        return super().link_target(path)

    def names(self, folder: str) -> list[str]:
        self.asked["names"].add(folder)
        return super().names(folder)


class Asked(Runner):
    """Every program is installed and says nothing; what was asked is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: set[tuple[str, ...]] = set()

    def has(self, program: str) -> bool:  # noqa: ARG002 - as Runner.has()
        return True

    def run(self, argv: Sequence[str], **options: Any) -> Result:  # noqa: ARG002 - as Runner.run()
        self.lines.add(tuple(argv))
        return Result(tuple(argv), 1 if "--version" in argv else 0, "", "")


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Recorder, Asked]:
    """The probe on a host with every manager, once with daemons that run and once without; and on an empty one."""
    root = lay_out(tmp_path / "host")
    files, run = Recorder(root), Asked()
    objects = {"links": LINKS, "addrs": [], "routes4": [], "routes6": [], "rules4": [], "rules6": []}
    describe_host(run, files, objects, notes=[])
    for process, name in DAEMONS.items():
        (root / "proc" / process / "ns").mkdir(parents=True)
        (root / "proc" / process / "comm").write_text(f"{name}\n")
        (root / "proc" / process / "ns/net").symlink_to("net:[1]")
    describe_host(run, files, objects, notes=[])
    empty = Recorder(tmp_path / "empty")
    describe_host(run, empty, objects, notes=[])
    for kind, paths in empty.asked.items():
        files.asked[kind] |= paths
    return files, run


def collects(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether one of the shell's patterns takes a path: a star stays within one name."""

    def takes(path: str) -> bool:
        words = path.split("/")
        return any(
            len(words) == pattern.count("/") + 1 and all(map(fnmatch.fnmatchcase, words, pattern.split("/")))
            for pattern in patterns
        )

    return takes


PROCESSES = ("/proc/[0-9]*/comm", "/proc/[0-9]*/stat")
FILES = [pattern for patterns in wanted.FILES.values() for pattern in patterns]
SITES = ("/etc/network/sites/*", "/etc/network/sites/*/*", "/etc/network/sites/*/more/*")
INTERFACES_FILES = (MAIN_FILE, "/etc/network/interfaces.d/*", "/etc/network/deeper/*", "/etc/network/more/*", *SITES)
PRESENT = [*wanted.PRESENT, *(f"{place}/{program}" for place in wanted.PROGRAM_FOLDERS for program in wanted.PROGRAMS)]
COLLECTED = {
    "data": [*FILES, *PROCESSES, *INTERFACES_FILES, *(one for group in wanted.SETTINGS for one in group)],
    "exists": [*PRESENT, *FILES],
    "is_folder": [*wanted.FOLDERS, *INTERFACES_FILES, "/etc/network/*"],
    "links": [*wanted.LINKS, "/proc/[0-9]*/ns/net", "/proc/self/ns/net"],
    "names": [*wanted.FOLDERS, "/proc", "/etc/network/*", *SITES],
}


@pytest.mark.parametrize("kind", COLLECTED)
def test_whatever_the_probe_asks_for_is_collected(recorded: tuple[Recorder, Asked], kind: str) -> None:
    takes = collects(COLLECTED[kind])
    asked = set(map(normpath, recorded[0].asked[kind]))
    if kind == "links":  # HostFiles itself looks for links on the way
        asked -= recorded[0].asked["data"] | recorded[0].asked["exists"] | recorded[0].asked["names"]
        asked = {path for path in asked if not collects(COLLECTED["is_folder"])(path)}
    assert asked
    assert sorted(path for path in asked if not takes(path)) == []


def test_whatever_the_probe_runs_is_collected(recorded: tuple[Recorder, Asked]) -> None:
    lines = {argv for _, argv in wanted.COMMANDS} | set(wanted.NETWORK_MANAGER_COMMANDS) | {("ip", "-V")}
    assert recorded[1].lines - lines == set()
    assert {argv[0] for argv in firewall._READERS} <= {argv[0] for argv in lines}
    assert {argv for several in managers._VERSION_COMMANDS.values() for argv in several} <= lines
    assert all(pasteable(argv) == " ".join(argv) for argv in lines)  # the key under which the answer is looked up


def test_daemons_are_the_probes() -> None:
    assert set(wanted.DAEMONS) == set(managers._DAEMONS)


@pytest.mark.parametrize(
    "tool", [("shellcheck", "-s", "sh", "-"), ("checkbashisms", "--posix", "-")], ids=lambda argv: argv[0]
)
def test_linters_find_nothing(tool: tuple[str, ...], tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(wanted.snapshot_script())
    done = subprocess.run([*tool[:-1], str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


# --- finishing ---------------------------------------------------------------------------------------------

BARE: dict[str, Any] = {key: [] for key in ("links", "addrs", "routes4", "routes6", "rules4", "rules6")}


def test_a_live_snapshot_is_left_alone() -> None:
    assert not is_collected({**BARE, "os_release": {}})


def test_empty_objects_of_old_ip_are_dropped_and_letters_put_together() -> None:
    found = tidied({**BARE, "links": [{}, {"ifname": "\udcc3\udcbc\udcff"}]})
    assert found["links"] == [{"ifname": "ü\udcff"}]


def test_surrogates_that_stand_for_no_byte_are_no_error() -> None:
    assert tidied({**BARE, "hostname": "\ud800"})["hostname"] == "\ud800"


@pytest.mark.parametrize(
    "collected, key",
    [
        (5, "collected"),
        ({"files": []}, "collected.files"),
        ({"files": {"/etc/hostname": 5}}, "collected.files./etc/hostname"),
        ({"folders": {"/proc": "x"}}, "collected.folders./proc"),
        ({"present": {}}, "collected.present"),
        ({"links": {"/sbin/init": None}}, "collected.links./sbin/init"),
        ({"unreadable": 1}, "collected.unreadable"),
        ({"commands": {"nft": 1}}, "collected.commands.nft"),
    ],
)
def test_another_type_is_refused_by_name(collected: Any, key: str) -> None:
    with pytest.raises(InputError) as refused:
        finish({**BARE, "collected": collected}, origin="host.json")
    assert refused.value.message.startswith(f"host.json: {key}: expected ")


def test_nothing_collected_is_a_host_all_the_same() -> None:
    found = finish({**BARE, "collected": {}}, origin="x")
    assert found["os_release"] == {}
    assert found["managers"]["interfaces"] == {}


def test_what_could_not_be_read_is_noted_where_it_was_asked_for() -> None:
    collected = {
        "unreadable": {"/etc/netplan/50.yaml": "Permission denied", "/etc/never/asked": "Permission denied"},
        "folders": {"/etc/netplan": ["50.yaml"]}, "present": ["/usr/sbin/netplan"],
    }  # fmt: skip
    found = finish({**BARE, "notes": ["first"], "collected": collected}, origin="x")
    assert found["notes"] == [
        "first", "/etc/netplan/50.yaml could not be read (Permission denied): what it says was not considered."
    ]  # fmt: skip
