"""The main job on a live host, as a person does it: detect, write, load, check, remove. Nothing is left.

The host is a network namespace whose /etc, /var/lib and /usr/local are an overlay over this machine's, so
that --write goes to "/" and this machine keeps its files.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import TREE, tree_of
from tests.packet_lab import PacketLab, packet_lab

pytestmark = pytest.mark.netns

GATEWAYS = ("--gateway", "eth1=198.51.100.1", "--gateway", "eth1=2001:db8:b::1")
OVERLAID = ("etc", "var", "usr/local")
SECOND = ("198.51.100.10", "2001:db8:b::10")


class LiveHost:
    """The lab's host with a file system of its own; ``upper`` holds what was written to it."""

    def __init__(self, lab: PacketLab, folder: Path) -> None:
        self.lab = lab
        self.upper = folder / "upper"
        mounts = []
        for place in OVERLAID:
            upper, work = self.upper / place, folder / "work" / place
            upper.mkdir(parents=True)
            work.mkdir(parents=True)
            mounts.append(f"mount -t overlay overlay -o lowerdir=/{place},upperdir={upper},workdir={work} /{place}")
        self.setup = " && ".join(mounts)

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run ``script`` on the host; ``asymgen`` in it is this tree's."""
        text = f'{self.setup} && asymgen() {{ "{sys.executable}" -m asymgen "$@"; }} && {{ {script}\n}}'
        return self.lab.host.run(
            "unshare", "-m", "sh", "-c", text, check=False, cwd=TREE, env={**os.environ, "PYTHONPATH": str(TREE)}
        )


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveHost]:
    with packet_lab() as lab:
        yield LiveHost(lab, tmp_path)


def everything(lab: PacketLab) -> list[str]:
    parts = [lab.host.ip(version, kind, *rest) for version in ("-4", "-6")
             for kind, rest in (("rule", ()), ("route", ("show", "table", "all")))]  # fmt: skip
    settings = lab.host.run("sh", "-c", "grep -r . /proc/sys/net/ipv4/conf/eth?/").stdout
    return [*parts, str([(link["ifname"], link["group"]) for link in lab.host.json("link")]), settings]


def test_detect_write_load_and_remove(live: LiveHost) -> None:
    lab = live.lab
    kernel, files = everything(lab), tree_of(live.upper)
    options = f"--backend sysv {' '.join(GATEWAYS)}"
    shown = live.shell(f"asymgen detect {options}")
    assert shown.returncode == 0, shown.stderr
    assert "leave by eth0 via 192.0.2.1, should leave by eth1 via 198.51.100.1" in shown.stdout
    assert not any(lab.pings(address) for address in SECOND)

    written = live.shell(f"asymgen detect {options} --write && asymgen commands | sh")
    assert written.returncode == 0, written.stderr
    steps = f"commands {' '.join(GATEWAYS)} | sh   # put it into the running kernel now"
    assert steps in written.stdout, "the printed step plans what was written"
    assert all(lab.pings(address) for address in SECOND)
    checked = live.shell("asymgen detect --check --backend sysv")
    assert checked.returncode == 0, f"the plan file keeps the gateways\n{checked.stdout}{checked.stderr}"
    assert "nothing to write" in live.shell("asymgen detect --write --backend sysv").stdout

    removed = live.shell("asymgen remove")
    assert removed.returncode == 0, removed.stderr
    assert "nothing of asymgen is in the kernel" in removed.stdout
    assert everything(lab) == kernel
    assert not [path for path in tree_of(live.upper) if "asymgen" in path and path not in files]
    assert not any(lab.pings(address) for address in SECOND)


def test_check_advises_what_would_mend_it(live: LiveHost) -> None:
    options = f"--backend sysv {' '.join(GATEWAYS)}"
    assert live.shell(f"asymgen detect {options} --write").returncode == 0
    unloaded = live.shell("asymgen detect --backend sysv --check")
    assert unloaded.returncode == 1
    assert "commands | sh` puts the kernel right" in unloaded.stderr
    assert live.shell("asymgen commands | sh").returncode == 0
    live.lab.host.ip("route", "add", "default", "via", "192.0.2.1", "dev", "eth0", "table", "77")
    live.lab.host.ip("rule", "add", "from", SECOND[0], "lookup", "77", "priority", "99")
    decided = live.shell("asymgen detect --backend sysv --check")
    assert decided.returncode == 1, decided.stderr
    assert "a rule or route of somebody else decides before ours" in decided.stderr
    words = decided.stderr.split("`")[1].split()
    explained = live.shell(f"asymgen {' '.join(words[words.index('explain') :])}")
    assert "99" in explained.stdout, explained.stdout + explained.stderr


def test_remove_takes_out_what_a_script_put_in(live: LiveHost) -> None:
    kernel = everything(live.lab)
    options = f"--backend sysv {' '.join(GATEWAYS)}"
    started = live.shell(f"asymgen detect {options} --write && /etc/init.d/asymgen start && /etc/init.d/asymgen check")
    assert started.returncode == 0, started.stdout + started.stderr
    assert all(live.lab.pings(address) for address in SECOND)
    removed = live.shell("asymgen remove")
    assert removed.returncode == 0, removed.stderr
    assert everything(live.lab) == kernel


def test_a_second_detect_takes_our_own_rules_for_ours(live: LiveHost) -> None:
    """Also without a plan file: numbers come from the live rules, and nothing of ours is repeated."""
    options = " ".join(GATEWAYS)
    once = live.shell(f"asymgen commands {options} --table-base 40 --priority-base 900")
    assert live.shell(f"asymgen commands {options} --table-base 40 --priority-base 900 | sh").returncode == 0
    again = live.shell(f"asymgen commands {options}")
    assert again.stdout == once.stdout


def test_an_uplink_that_goes_is_followed_to_the_kernel_and_to_the_boot(live: LiveHost) -> None:
    kernel = everything(live.lab)
    options = f"--backend sysv {' '.join(GATEWAYS)}"
    assert live.shell(f"asymgen detect {options} --write && asymgen commands | sh").returncode == 0
    gone = live.shell("asymgen detect --exclude eth1 --write")
    assert gone.returncode == 0, gone.stderr
    assert "commands --exclude eth1 | sh" in gone.stdout
    assert "the sysv backend is no longer used here" in gone.stdout
    checked = live.shell("asymgen detect --exclude eth1 --check")
    assert checked.returncode == 1, "an earlier plan is still in the kernel"
    assert "an earlier plan's rules" in checked.stderr
    assert live.shell("asymgen commands --exclude eth1 | sh").returncode == 0
    assert everything(live.lab) == kernel
    assert live.shell("asymgen detect --exclude eth1 --check").returncode == 0


WATCHED = """
mount -t tmpfs tmpfs /run
trap '[ ! -x /usr/local/lib/asymgen/asymgen-watch ] || /usr/local/lib/asymgen/asymgen-watch stop' EXIT
asymgen detect --write --backend sysv --ahead {options} || exit 1
/etc/init.d/asymgen start || exit 1
ip link add wg0 type veth peer name far-wg0
ip link set wg0 up
ip link set far-wg0 up
ip route add default dev wg0 table 51820
ip rule add not fwmark 51820 table 51820
tries=0
until ip rule | grep -q goto || [ "$tries" -gt 200 ]; do tries=$((tries + 1)); sleep 0.1; done
ip rule | grep goto
/etc/init.d/asymgen status || exit 1
asymgen detect --check --backend sysv --ahead || exit 1
asymgen remove || exit 1
ip rule del table 51820
ip link del wg0
ls /run/asymgen-watch.pid
"""


def test_watcher_is_written_started_and_removed(live: LiveHost) -> None:
    kernel, files = everything(live.lab), tree_of(live.upper)
    done = live.shell(WATCHED.format(options=" ".join(GATEWAYS)))
    assert "create /usr/local/lib/asymgen/asymgen-watch: keeps answers ahead of tunnels: --ahead says so" in done.stdout
    assert "/usr/local/lib/asymgen/asymgen-watch restart   # watch rules and addresses" in done.stdout, done.stdout
    assert "note: --ahead says so: asymgen-watch, one of the files, keeps answers ahead of rules" in done.stdout
    assert done.stdout.count("from 198.51.100.0/24 iif lo goto 32010 proto") == 1, done.stdout + done.stderr
    assert "everything planned is in the kernel" in done.stdout
    assert "nothing of asymgen is in the kernel" in done.stdout, done.stdout + done.stderr
    assert "cannot access '/run/asymgen-watch.pid'" in done.stderr
    assert everything(live.lab) == kernel
    assert not [path for path in tree_of(live.upper) if "asymgen" in path and path not in files]
    pids = subprocess.run(["ip", "netns", "pids", live.lab.host.name], capture_output=True, text=True, check=True)
    names = [Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8") for pid in pids.stdout.split()]
    assert not [name for name in names if "asymgen-watch" in name or "\0monitor" in name]
