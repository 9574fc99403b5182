"""asymgen-watch by itself: what it waits for, what it does, what it leaves, and with whom it does not fight."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from asymgen.foreign import LOWEST_JUMP, find_tunnel
from asymgen.model import Family, Followed, Host, KernelState
from tests.live_state import live_host
from tests.shell.lab import OLD_HOST, SHELLS, Lab, lab
from tests.states import HOST, TWO_SUBNETS, Wire, kernel_state, moving, renamed, watched
from tests.watch_lab import Watcher, wait_until, watcher

pytestmark = pytest.mark.netns

INIT = "etc/init.d/asymgen"
STATE = watched(kernel_state(TWO_SUBNETS))
FIRST = {
    "31999: from 192.0.2.0/24 iif lo goto 32001 proto 97",
    "31999: from 198.51.100.0/24 iif lo goto 32011 proto 97",
}


@contextmanager
def built(
    folder: Path, wires: Sequence[Wire] = TWO_SUBNETS, *, state: KernelState = STATE, host: Host = HOST
) -> Iterator[tuple[Lab, Watcher]]:
    """A host of two uplinks whose rules are there, a tunnel interface, and a watcher that has not begun."""
    with lab(folder, wires, state=state) as made, watcher(made.namespace, folder / "root", folder) as watch:
        made.write(state, host=host)
        add_tunnel(made)
        made.environment = lambda **more: ["env", *(f"{k}={v}" for k, v in {**watch.settings, **more}.items())]  # type: ignore[method-assign]
        started = made.run("start", ASYMGEN_WATCH="/nowhere")
        assert (started.returncode, started.stderr) == (0, "")
        yield made, watch


@pytest.fixture
def host(tmp_path: Path) -> Iterator[tuple[Lab, Watcher]]:
    with built(tmp_path) as found:
        yield found


def add_tunnel(made: Lab, name: str = "wg0") -> None:
    made.namespace.ip("link", "add", name, "type", "veth", "peer", "name", f"far-{name}")
    for link in (name, f"far-{name}"):
        made.namespace.ip("link", "set", link, "arp", "off", "addrgenmode", "none", "up")


def up(made: Lab, family: int = 4, name: str = "wg0", table: int = 51820) -> None:
    """wg-quick's commands; the real one is in tests/netns/test_wg_quick.py."""
    version = f"-{family}"
    made.namespace.ip(version, "route", "add", "default", "dev", name, "table", str(table))
    made.namespace.ip(version, "rule", "add", "not", "fwmark", str(table), "table", str(table))
    made.namespace.ip(version, "rule", "add", "table", "main", "suppress_prefixlength", "0")


def down(made: Lab, family: int = 4, table: int = 51820) -> None:
    version = f"-{family}"
    made.namespace.ip(version, "rule", "del", "table", str(table))
    made.namespace.ip(version, "rule", "del", "table", "main", "suppress_prefixlength", "0")
    made.namespace.ip(version, "route", "flush", "table", str(table))


def settled(watch: Watcher, jumps: set[str]) -> None:
    wait_until(lambda: set(watch.jumps()) == jumps, lambda: (watch.host.ip("rule"), watch.said.read_text()))


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_jumps_come_and_go_with_the_tunnel(host: tuple[Lab, Watcher], shell: tuple[str, ...]) -> None:
    made, watch = host
    before = made.dump()
    watch.start(shell)
    up(made)
    settled(watch, FIRST)
    assert made.rules(6) == [rule for rule in made.rules(6) if "goto" not in rule]
    up(made, 6)
    wait_until(lambda: len(watch.jumps(6)) == 2)
    for family in (4, 6):
        down(made, family)
    settled(watch, set())
    wait_until(lambda: made.dump() == before)
    assert watch.run("stop").returncode == 0
    assert watch.foreground is not None
    watch.foreground.wait(10)
    assert not watch.pid_file.exists()
    assert watch.said.read_text() == ""


def test_nothing_is_asked_while_nothing_changes(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    up(made)
    watch.start(ASYMGEN_IP=made.recorder(), RECORD=str(made.record))
    settled(watch, FIRST)
    quiet = -1
    while quiet != (quiet := len(made.record.read_text().splitlines())):
        time.sleep(1.2)
    time.sleep(2)
    assert len(made.record.read_text().splitlines()) == quiet
    assert not [words for words in watch.processes() if words.startswith("sleep")], "it waits for events, not for time"
    made.namespace.ip("rule", "add", "pref", "5", "from", "203.0.113.77", "lookup", "main")
    wait_until(lambda: len(made.record.read_text().splitlines()) > quiet)


def test_a_second_tunnel_goes_ahead_of_the_first_and_is_followed(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    add_tunnel(made, "wg1")
    up(made)
    watch.start()
    settled(watch, FIRST)
    up(made, name="wg1", table=51821)
    settled(watch, {rule.replace("31999:", "31997:") for rule in FIRST})
    down(made, table=51821)
    settled(watch, FIRST)


def test_what_stands_before_the_tunnel_goes_on_deciding(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    made.namespace.ip("rule", "add", "pref", "500", "from", "198.51.100.10", "fwmark", "9", "unreachable")
    watch.start()
    up(made)  # at 499 and 498
    made.namespace.ip("rule", "add", "pref", "100", "fwmark", "7", "lookup", "99")
    settled(watch, {rule.replace("31999:", "498:") for rule in FIRST})


def test_no_jump_for_an_uplink_that_is_down_or_stopped(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    watch.start()
    up(made)
    settled(watch, FIRST)
    made.namespace.ip("rule", "del", "pref", "32013")
    settled(watch, {rule for rule in FIRST if "192.0.2." in rule})
    made.namespace.ip("rule", "flush", "protocol", "97")
    settled(watch, set())


def test_monitor_that_dies_is_started_again(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    watch.start()
    for _ in range(2):
        first = watch.monitor
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda first=first: watch.monitor not in (None, first))  # type: ignore[misc]
    up(made)
    settled(watch, FIRST)
    said = [line for line in watch.said.read_text().splitlines() if line.startswith("asymgen")]
    assert said == [f'asymgen: "ip monitor" has ended: again in {delay} seconds' for delay in (1, 2)]


def test_rules_that_came_while_no_monitor_listened_are_seen(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    watch.start()
    assert watch.monitor is not None
    os.kill(watch.monitor, signal.SIGKILL)
    wait_until(lambda: "again in 1" in watch.said.read_text())
    up(made)
    settled(watch, FIRST)


FIGHTER = """
ip monitor rule | while read -r line; do
    case $line in
    Deleted*) ;;
    *" goto "*"proto 97"*)
        for source in 192.0.2.0/24 198.51.100.0/24; do
            ip rule del from $source iif lo pref 31999 protocol 97
        done
        ;;
    esac
done
"""


def test_a_tool_that_fights_back_is_left_alone_for_a_while(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    watch.start(ASYMGEN_REST="2", ASYMGEN_ENOUGH="36")
    fighter = made.namespace.start("setsid", "sh", "-c", FIGHTER, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        up(made)
        wait_until(lambda: "goes ahead of us again and again" in watch.said.read_text())
        told = watch.said.read_text()
        assert "not from all fwmark 0xca6c lookup 51820" in told
        assert "nothing is done about it for 2 seconds" in told
    finally:
        os.killpg(fighter.pid, signal.SIGTERM)
        fighter.wait(10)
    settled(watch, FIRST)
    assert watch.said.read_text() == told


def test_two_at_once_are_one(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    up(made)
    starting = [
        watch.host.start(str(watch.script), "start", env=watch.environment(), stderr=subprocess.PIPE) for _ in range(4)
    ]
    assert [process.communicate(timeout=60)[1] for process in starting] == ["", "", "", ""]
    assert [process.returncode for process in starting] == [0, 0, 0, 0]
    wait_until(lambda: len(watch.jumps()) == 2)
    again = watch.run("run")
    assert (again.returncode, again.stderr) == (0, f"asymgen: asymgen-watch runs already, as process {watch.pid}\n")
    monitors = subprocess.run(["ip", "netns", "pids", made.namespace.name], capture_output=True, text=True, check=True)
    names = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in monitors.stdout.split()]
    assert names.count("ip") == 1


def test_hooks_at_once_do_no_harm(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    watch.start()
    for _ in range(3):
        up(made)
        running = [made.start("start", ASYMGEN_WATCH="/nowhere") for _ in range(3)]
        assert [process.communicate(timeout=60)[0] for process in running] == ["", "", ""]
        settled(watch, FIRST)
        assert len(made.rules(4)) == 6 + 2, "no duplicates"
        down(made)
        settled(watch, set())
    assert made.run("status", ASYMGEN_WATCH="/nowhere").returncode == 0


def test_hooks_place_jumps_by_themselves(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    up(made)
    assert made.run("status", ASYMGEN_WATCH="/nowhere").returncode == 3
    recorder = made.recorder()
    assert made.run("follow", "eth1", ASYMGEN_WATCH="/nowhere").stderr == ""
    assert set(watch.jumps()) == FIRST
    assert made.run("start", ASYMGEN_WATCH="/nowhere", ASYMGEN_IP=recorder, RECORD=str(made.record)).returncode == 0
    assert made.changing_commands() == [], "the second run changes nothing"
    assert made.run("status", ASYMGEN_WATCH="/nowhere").returncode == 0
    made.down("eth1")
    assert made.run("follow", "eth1", ASYMGEN_WATCH="/nowhere").stderr == ""
    assert set(watch.jumps()) == {rule for rule in FIRST if "192.0.2." in rule}
    assert made.run("stop", ASYMGEN_WATCH="/nowhere").returncode == 0
    assert made.rules(4) == made.rules(6) == []


def test_init_script_starts_it_knows_it_and_stops_it(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    assert "missing: asymgen-watch: not running" in made.run("status").stdout
    for _ in range(2):
        assert made.run("start").stderr == ""
    first = watch.pid
    wait_until(lambda: watch.monitor is not None)
    assert made.run("status").returncode == 0
    assert watch.run("status").stdout == f"asymgen-watch: running as process {first}\n"
    up(made)
    wait_until(lambda: set(watch.jumps()) == FIRST)
    assert made.run("restart").stderr == ""
    wait_until(lambda: watch.pid not in (None, first) and watch.monitor is not None)
    wait_until(lambda: set(watch.jumps()) == FIRST)
    assert made.run("stop").stderr == ""
    assert made.rules(4) == made.rules(6) == []
    assert not watch.pid_file.exists()
    assert subprocess.run(["ip", "netns", "pids", made.namespace.name], capture_output=True, check=True).stdout == b""
    stopped = watch.run("status")
    assert (stopped.returncode, stopped.stdout) == (3, "asymgen-watch: not running\n")


def test_a_number_in_the_pid_file_that_is_another_process_is_left_alone(host: tuple[Lab, Watcher]) -> None:
    _, watch = host
    other = subprocess.Popen(["sleep", "100"])
    try:
        watch.pid_file.write_text(f"{other.pid}\n")
        assert watch.run("status").returncode == 3
        assert watch.run("stop").returncode == 0
        assert other.poll() is None
    finally:
        other.terminate()
        other.wait()


@pytest.mark.parametrize(
    "backend, script, words, event",
    [
        ("ifupdown", "etc/network/if-up.d/asymgen", (), {"IFACE": "eth1", "ADDRFAM": "inet"}),
        ("networkmanager", "etc/NetworkManager/dispatcher.d/50-asymgen", ("eth1", "up"), {"DEVICE_IP_IFACE": "eth1"}),
    ],
    ids=["ifupdown", "networkmanager"],
)  # fmt: skip
def test_first_uplink_starts_it_where_systemd_does_not(
    host: tuple[Lab, Watcher], backend: str, script: str, words: tuple[str, ...], event: dict[str, str]
) -> None:
    made, watch = host
    made.write(STATE, backend=backend)
    assert made.run(*words, script=script, ASYMGEN_SYSTEMD="/", **event).stderr == ""
    assert watch.pid is None, "systemd has a unit for it"
    for name in ("eth0", "eth1"):
        made.down(name)
        made.namespace.ip("rule", "flush", "protocol", "97")
        made.namespace.ip("-6", "rule", "flush", "protocol", "97")
    assert made.run(*words, script=script, **event).stderr == ""
    assert watch.pid is None, "the last uplink went down: there is nothing to watch"
    made.up("eth1")
    assert made.run(*words, script=script, **event).stderr == ""
    wait_until(lambda: watch.monitor is not None)
    up(made)
    # Only eth1's rules are there: tunnel and jump come to stand among the priorities that are eth0's.
    wait_until(lambda: watch.jumps() == ["32009: from 198.51.100.0/24 iif lo goto 32011 proto 97"])
    assert watch.run("once").stderr == ""
    assert len(watch.jumps()) == 1
    assert made.run("stop", script=script).stderr == ""
    assert made.rules(4) == []
    assert watch.pid is None


def test_names_are_words(tmp_path: Path) -> None:
    """The default of one table is by an uplink, of the other by a tunnel; what they are called does nothing."""
    wires = renamed(TWO_SUBNETS, eth0="a;reboot", eth1="x'y\"$(id)`id`")
    with built(tmp_path, wires, state=watched(kernel_state(wires))) as (made, watch):
        made.namespace.ip("route", "add", "default", "via", "198.51.100.1", "dev", wires[2].interface, "table", "77")
        made.namespace.ip("rule", "add", "pref", "900", "table", "77")
        assert watch.run("once").stderr == ""
        assert watch.jumps() == [], "no tunnel"
        up(made)
        assert watch.run("once").stderr == ""
        assert len(watch.jumps()) == 2


def test_addresses_that_move_take_their_jumps_along(tmp_path: Path) -> None:
    state = moving(STATE)
    with built(tmp_path, state=state) as (made, watch):
        watch.start()
        up(made)
        settled(watch, FIRST)
        made.namespace.ip("address", "flush", "dev", "eth1", "scope", "global")
        made.namespace.ip("address", "add", "203.0.113.130/26", "dev", "eth1")
        made.namespace.ip("route", "add", "default", "via", "203.0.113.129", "dev", "eth1", "metric", "500")
        assert made.run("follow", "eth1", ASYMGEN_WATCH="/nowhere").returncode == 0
        settled(watch, {rule.replace("198.51.100.0/24", "203.0.113.128/26") for rule in FIRST})


def test_old_kernels_know_jumps_by_where_they_lead(tmp_path: Path) -> None:
    """Before 4.17 a rule has no protocol number. Somebody else's goto stays."""
    with built(tmp_path, host=OLD_HOST) as (made, watch):
        made.namespace.ip("rule", "add", "pref", "700", "from", "10.0.0.0/8", "iif", "lo", "goto", "800")
        up(made)
        jumps = {rule.replace(" proto 97", "").replace("31999:", "698:") for rule in FIRST}
        for _ in range(2):
            assert watch.run("once").stderr == ""
            gotos = [line.replace("\t", " ") for line in made.namespace.ip("rule").splitlines() if " goto 32" in line]
            assert set(gotos) == jumps
            assert len(gotos) == 2
        down(made)
        assert watch.run("once").stderr == ""
        assert " goto 32" not in made.namespace.ip("rule")
        assert "goto 800" in made.namespace.ip("rule")


# --- the same answer in sh and in Python ---

TABLES = {
    "default by the tunnel": "default dev wg0",
    "the better default by the tunnel": "default dev wg0 metric 5\ndefault via 192.0.2.1 dev eth0 metric 9",
    "the better default by an uplink": "default dev wg0 metric 9\ndefault via 192.0.2.1 dev eth0 metric 5",
    "two halves": "0.0.0.0/1 dev wg0\n128.0.0.0/1 dev wg0",
    "one half": "0.0.0.0/1 dev wg0\n192.0.2.0/25 dev wg0",
    "halves beside a default by an uplink": "0.0.0.0/1 dev wg0\n128.0.0.0/1 dev wg0\ndefault via 192.0.2.1 dev eth0",
    "a half by an uplink": "0.0.0.0/1 dev wg0\n128.0.0.0/1 via 192.0.2.1 dev eth0",
    "two legs, one by an uplink": "default nexthop dev wg0 nexthop via 192.0.2.1 dev eth0",
    "two legs by tunnels": "default nexthop dev wg0 nexthop dev wg1",
    "an error": "unreachable default",
    "networks only": "10.0.0.0/8 dev wg0",
    "nothing": "",
}
RULES = {
    "not fwmark 0xca6c": True, "": True, "not fwmark 0x10/0xff": True,
    "fwmark 0xca6c": False, "from 10.0.0.0/8": False, "not from 10.0.0.0/8": False, "suppress_prefixlength 0": False,
    "not fwmark 0xca6c suppress_prefixlength 0": False, "iif lo": False,
}  # fmt: skip


def test_a_tunnel_is_what_the_planner_calls_one(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    add_tunnel(made, "wg1")
    cases = [(rule, "default dev wg0") for rule in RULES] + [("not fwmark 1", routes) for routes in TABLES.values()]
    jumped = {}
    for number, (rule, routes) in enumerate(cases):
        made.namespace.batch("\n".join(f"route add table 777 {route}" for route in routes.splitlines() if route))
        words = rule.split()
        made.namespace.ip("rule", "add", "pref", "900", *words, "table", "777")
        assert watch.run("once").stderr == ""
        found = live_host(made.namespace)
        foreign = [each for each in found.rules if each.family is Family.IPV4 and each.protocol != 97]
        tunnel = find_tunnel(found, foreign, {"eth0", "eth1"})
        assert bool(watch.jumps()) == (tunnel is not None), (rule, routes)
        jumped[number] = tunnel is not None
        made.namespace.ip("rule", "del", "pref", "900")
        made.namespace.ip("route", "flush", "table", "777", check=False)
    assert list(jumped.values())[: len(RULES)] == list(RULES.values())
    assert watch.run("once").returncode == 0
    assert watch.jumps() == []


@pytest.mark.parametrize("before", [3, 4])
def test_no_jump_where_the_next_tunnel_would_come_to_stand_wrongly(host: tuple[Lab, Watcher], before: int) -> None:
    """wg-quick's two rules need the priorities before the second rule in the right order, also when it comes back
    before the jump is gone."""
    made, watch = host
    made.namespace.ip("rule", "add", "pref", str(before), "from", "203.0.113.77", "lookup", "main")
    up(made)
    looked = watch.run("once")
    if before - 1 <= LOWEST_JUMP:
        assert watch.jumps() == []
        assert 'rule 2, "not from all fwmark 0xca6c lookup 51820", takes answers of ours' in looked.stderr
        assert "move the rules that stand before 4" in looked.stderr
        return
    assert looked.stderr == ""
    assert {rule.split(":")[0] for rule in watch.jumps()} == {"2"}
    down(made)
    up(made)
    order = [line.split("\t")[0] for line in made.namespace.ip("rule").splitlines()]
    assert order[:4] == ["0:", "0:", "1:", "2:"], "main without its default, the tunnel, then the jump that is to go"
    assert "suppress_prefixlength 0" in made.namespace.ip("rule").splitlines()[1]


def test_silence_about_what_was_said_already(host: tuple[Lab, Watcher]) -> None:
    made, watch = host
    made.namespace.ip("rule", "add", "pref", "3", "from", "203.0.113.77", "lookup", "main")
    watch.start()
    up(made)
    wait_until(lambda: "no jump fits" in watch.said.read_text())
    for number in range(3):
        made.namespace.ip("rule", "add", "pref", str(40 + number), "from", "203.0.113.77", "lookup", "main")
        time.sleep(0.4)
    assert watch.said.read_text().count("no jump fits") == 1


# --- addresses that no event tells of ---

MOVING = replace(moving(kernel_state(TWO_SUBNETS)), followed=(Followed("eth1", "/nowhere"),))
COUNTER = """#!/bin/sh
echo "$*" >>{calls}
{more}
"""


@contextmanager
def following(
    folder: Path, state: KernelState = MOVING, *, more: str = "", wires: Sequence[Wire] = TWO_SUBNETS
) -> Iterator[tuple[Lab, Watcher, Path]]:
    """A watcher of addresses, not started, that calls a script which writes down how it was called."""
    with built(folder, wires, state=state) as (made, watch):
        calls, script = folder / "calls", folder / "script"
        calls.touch()
        script.write_text(COUNTER.format(calls=calls, more=more))
        script.chmod(0o755)
        watch.settings["ASYMGEN_SCRIPT"] = str(script)
        yield made, watch, calls


def at_rest(calls: Path) -> int:
    """How many calls there were when no more came."""
    count = -1
    while count != (count := len(calls.read_text().splitlines())):
        time.sleep(1.5)
    return count


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("ahead", [False, True], ids=["addresses", "and jumps"])
def test_addresses_of_what_is_followed_and_no_others(tmp_path: Path, shell: tuple[str, ...], *, ahead: bool) -> None:
    state = replace(watched(MOVING), followed=MOVING.followed) if ahead else MOVING
    with following(tmp_path, state) as (made, watch, calls):
        watch.start(shell, ASYMGEN_IP=made.recorder(), RECORD=str(made.record))
        wait_until(lambda: "follow eth1" in calls.read_text())
        quiet, asked = at_rest(calls), len(made.record.read_text())
        time.sleep(2)
        assert (at_rest(calls), len(made.record.read_text())) == (quiet, asked), "nothing changed, nothing is asked"
        assert not [words for words in watch.processes() if words.startswith("sleep")]
        made.namespace.ip("address", "add", "2001:db8:0:9::1/64", "dev", "eth0", "nodad")
        made.namespace.ip("route", "add", "10.9.0.0/16", "via", "192.0.2.1")
        assert at_rest(calls) == quiet
        for words in (("address", "add", "2001:db8:0:9::2/64", "dev", "eth1", "nodad"),
                      ("address", "del", "2001:db8:0:9::2/64", "dev", "eth1"),
                      ("-6", "route", "add", "default", "via", "fe80::77", "dev", "eth1", "metric", "77")):  # fmt: skip
            made.namespace.ip(*words)
            wait_until(lambda before=quiet: len(calls.read_text().splitlines()) > before)  # type: ignore[misc]
            quiet = at_rest(calls)
        assert set(calls.read_text().splitlines()) == {"follow eth1"}
        if ahead:
            up(made)
            settled(watch, FIRST)
        assert watch.run("stop").returncode == 0
        assert watch.said.read_text() == ""


def test_names_of_followed_interfaces_are_words(tmp_path: Path) -> None:
    name = "x'y\"$(id);"
    wires = renamed(TWO_SUBNETS, eth0="eth1", eth1=name)
    with following(
        tmp_path, replace(moving(kernel_state(wires)), followed=(Followed(name, "/nowhere"),)), wires=wires
    ) as (
        made,
        watch,
        calls,
    ):
        watch.start()
        wait_until(lambda: f"follow {name}" in calls.read_text())
        quiet = at_rest(calls)
        made.namespace.ip("address", "add", "2001:db8:0:9::1/64", "dev", "eth1", "nodad")
        assert at_rest(calls) == quiet, "another one's"
        made.namespace.ip("address", "add", "2001:db8:0:9::2/64", "dev", name, "nodad")
        wait_until(lambda: len(calls.read_text().splitlines()) > quiet)
        assert set(calls.read_text().splitlines()) == {f"follow {name}"}


def test_addresses_that_never_come_to_rest(tmp_path: Path) -> None:
    """A script (or a daemon that answers it) that changes an address each time it is told of one."""
    more = f"i=$(wc -l <{tmp_path}/calls); ip address add 198.51.100.$((i + 50))/24 dev eth1"
    with following(tmp_path, more=more) as (_, watch, calls):
        watch.start(ASYMGEN_REST="3", ASYMGEN_ENOUGH="6")
        wait_until(lambda: "again and again" in watch.said.read_text())
        told = watch.said.read_text()
        assert told == "asymgen: addresses change again and again: nothing is done about it for 3 seconds\n"
        during = len(calls.read_text().splitlines())
        time.sleep(1)
        assert len(calls.read_text().splitlines()) == during
        wait_until(lambda: len(calls.read_text().splitlines()) > during)


def test_status_tells_of_a_watcher_that_does_not_run(tmp_path: Path) -> None:
    with following(tmp_path) as (made, watch, _):
        assert "missing: asymgen-watch: not running" in made.run("status").stdout
        assert watch.run("status").returncode == 3
        assert made.run("start").stderr == ""
        wait_until(lambda: watch.monitor is not None)
        assert "everything planned" in made.run("status").stdout
        assert watch.run("status").returncode == 0
        assert watch.run("drop").returncode == 0
        assert made.run("stop").returncode == 0
        assert watch.pid is None
