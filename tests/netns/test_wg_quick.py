"""The real wg-quick up, down and up again, before and after our files: by the kernel's answers and by packets.

Each backend's files are the very ones that ``detect --write`` makes of the live host; their scripts start
asymgen-watch as they would on a host without systemd. networkd's are in test_networkd.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.command_line import TREE
from tests.namespaces import Namespace, namespace
from tests.netns.test_packets import FIRST, GATEWAYS, SECOND, add_bridge
from tests.networkd_daemon import networkd
from tests.packet_lab import PREFIXES, PacketLab, packet_lab
from tests.watch_lab import Watcher, wait_until, watcher
from tests.wg_quick import WgQuick

pytestmark = pytest.mark.netns

STARTED_BY = {
    "sysv": ("etc/init.d/asymgen", ("start",), {}),
    "ifupdown": ("etc/network/if-up.d/asymgen", (), {"IFACE": "--all"}),
    "networkmanager": ("etc/NetworkManager/dispatcher.d/50-asymgen", ("any", "vpn-up"), {}),
}
UNIT: tuple[str, tuple[str, ...], dict[str, str]] = ("", (), {})
UNBOUND = (
    (4, "203.0.113.200", None), (4, "192.0.2.77", None), (4, "198.51.100.77", None), (4, "172.17.0.5", None),
    (4, "10.8.0.1", None), (6, "2001:db8:f::200", None), (6, "2001:db8:a::77", None), (6, "2001:db8:b::77", None),
    (4, "203.0.113.200", "10.8.0.2"), (4, "192.0.2.77", "192.0.2.10"), (4, "198.51.100.77", "198.51.100.10"),
    (4, "172.17.0.5", "198.51.100.10"), (6, "2001:db8:b::77", "2001:db8:b::10"),
)  # fmt: skip


class Host:
    """The packet lab's host with our files of one backend and wg-quick's tunnels."""

    def __init__(self, lab: PacketLab, wg: WgQuick, watch: Watcher, backend: str) -> None:
        self.lab, self.wg, self.watch = lab, wg, watch
        self.space: Namespace = lab.host
        self.script, self.words, self.event = STARTED_BY.get(backend, UNIT)
        self.backend = backend

    def write(self, *more: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(TREE)}
        options = ("--write", "--root", str(self.watch.root), "--backend", self.backend, "--ahead", *GATEWAYS, *more)
        self.space.run(sys.executable, "-m", "asymgen", "detect", *options, env=environment)

    def start(self) -> None:
        started = self.watch.run(*self.words, script=self.script, **self.event)
        assert (started.returncode, started.stderr) == (0, "")
        wait_until(lambda: self.watch.monitor is not None)

    def asked(self) -> list[tuple[str, str] | None]:
        """Which way what is unbound goes, what goes to neighbours, and what the tunnel's own address sends."""
        answers = (self.space.route_get(*question) for question in UNBOUND)
        return [(answer["dev"], answer.get("gateway", "")) if answer else None for answer in answers]

    def rules(self) -> list[str]:
        return [line for version in ("-4", "-6") for line in self.space.ip(version, "rule").splitlines()]

    def settled(self, jumps: int) -> list[str]:
        """The rules, when the jumps are there (or gone) and the watcher has nothing more to do."""
        wait_until(lambda: len(self.watch.jumps(4)) == len(self.watch.jumps(6)) == jumps, self.rules)
        wait_until(lambda: "missing" not in self.watch.run("status").stdout, self.rules)
        return self.rules()

    def promised(self) -> bool:
        """By packets: every address answers by its own uplink, no packet left by the other."""
        self.lab.reset()
        reached = [self.lab.pings(address) and self.lab.connects(address) for address in (*FIRST, *SECOND)]
        return all(reached) and self.lab.wrong() == 0


@contextmanager
def made(folder: Path, backend: str) -> Iterator[Host]:
    with ExitStack() as stack:
        lab = stack.enter_context(packet_lab())
        beyond = stack.enter_context(namespace("beyond"))
        add_bridge(lab.host, "docker0", "172.17.0.1/16")
        wg = WgQuick(lab.host, beyond, folder)
        wg.configure("wg0")
        (folder / "root").mkdir()
        yield Host(lab, wg, stack.enter_context(watcher(lab.host, folder / "root", folder)), backend)


def steady(rules: list[str]) -> list[str]:
    """Without wg-quick's second rule of each family: the watcher may come before it, and then it lands one lower,
    before the tunnel's all the same."""
    second = [line for line in rules if line.endswith("from all lookup main suppress_prefixlength 0")]
    assert [line.split(":")[0] in ("31998", "31997") for line in second] == [True, True]
    return [line for line in rules if line not in second]


@pytest.mark.parametrize("backend", STARTED_BY)
def test_up_down_and_up_again(tmp_path: Path, backend: str) -> None:
    """wg-quick comes after ours: its rules land ahead, and the jump follows."""
    with made(tmp_path, backend) as host:
        host.wg.run("up")
        alone = host.asked()
        assert not host.lab.pings(FIRST[0]), "negative control: the tunnel takes the answers"
        host.wg.run("down")
        host.write()
        host.start()
        bare = host.settled(0)
        assert host.promised()
        host.wg.run("up")
        ahead = host.settled(2)
        assert host.promised()
        assert host.asked() == alone, "what is not ours goes as with wg-quick alone"
        assert host.space.ip("rule").index("fwmark 0xca6c") < host.space.ip("rule").index("32000:")
        host.wg.run("down")
        assert host.settled(0) == bare
        assert host.promised()
        host.wg.run("up")
        assert steady(host.settled(2)) == steady(ahead)
        assert host.promised()
        assert host.watch.run("stop", script=host.script).returncode == 0
        assert not [line for line in host.rules() if "proto 97" in line]
        assert host.watch.pid is None
        assert host.asked() == alone


NETWORK = """[Match]
Name=eth{place}
[Network]
IPv6AcceptRA=no
Address={four}.10/24
[Address]
Address={six}:10/64
DuplicateAddressDetection=none
"""
DEFAULTS = "Gateway=192.0.2.1\nGateway=2001:db8:a::1\n"


@pytest.mark.parametrize("before", [False, True], ids=["after ours", "before ours"])
def test_up_down_and_up_again_with_networkd(tmp_path: Path, *, before: bool) -> None:
    """networkd holds the rules, under its own protocol; asymgen-watch, which its unit would start, the jumps."""
    with made(tmp_path, "systemd-networkd") as host, networkd(host.space, tmp_path) as daemon:
        for place, (four, six) in enumerate(PREFIXES):
            text = NETWORK.format(place=place, four=four, six=six)
            text = text.replace("[Address]", f"{DEFAULTS}[Address]", 1) if place == 0 else text
            (daemon.network / f"10-eth{place}.network").write_text(text, encoding="utf-8")
        if before:
            host.wg.run("up")
        names = [word for place in (0, 1) for word in ("--network-file", f"eth{place}=10-eth{place}.network")]
        host.write(*names)
        written = host.watch.root / "etc/systemd/network"
        for dropin in written.glob("*/*.conf"):
            (daemon.network / dropin.parent.name).mkdir()
            (daemon.network / dropin.parent.name / dropin.name).write_bytes(dropin.read_bytes())
        for place in (0, 1):  # as after a boot
            host.space.ip("link", "set", f"eth{place}", "down")
            host.space.ip("address", "flush", "dev", f"eth{place}")
        daemon.start()
        wait_until(lambda: host.space.ip("rule").count("proto static") == 8, lambda: daemon.log)
        host.watch.start()
        bare = host.settled(0)
        wait_until(host.promised, lambda: daemon.log)
        if before:  # behind ours: no jump is needed until it comes again
            assert host.asked()[0] == ("wg0", "")
            host.wg.run("down")
            bare = host.settled(0)
            assert host.promised()
        for _ in range(2):
            host.wg.run("up")
            host.settled(2)
            assert host.promised()
            assert host.asked()[0] == ("wg0", "")
            host.wg.run("down")
            assert host.settled(0) == bare
            assert host.promised()
        assert daemon.complaints() == []
        host.wg.run("up")
        host.settled(2)
        assert host.watch.run("stop").returncode == 0
        assert not [line for line in host.rules() if "proto 97" in line]
        assert host.space.ip("rule").count("proto static") == 8, "networkd's are its own"


@pytest.mark.parametrize("backend", STARTED_BY)
def test_up_before_ours(tmp_path: Path, backend: str) -> None:
    """Its rules stand behind ours then; when it comes again, ahead."""
    with made(tmp_path, backend) as host:
        host.wg.run("up")
        alone = host.asked()
        host.write()
        host.start()
        host.settled(0)
        assert host.promised()
        assert host.asked() == alone
        host.wg.run("down")
        bare = host.settled(0)
        assert host.promised()
        host.wg.run("up")
        host.settled(2)
        assert host.promised()
        assert host.asked() == alone
        # The plan of now is the same, wherever the rules stand.
        host.write()
        started = host.watch.run(*host.words, script=host.script, **host.event)
        assert (started.returncode, started.stderr) == (0, "")
        assert host.promised()
        host.wg.run("down")
        assert host.settled(0) == bare


def test_twenty_times_up_and_down(tmp_path: Path) -> None:
    """No drift and no duplicates, with the watcher's own pace."""
    with made(tmp_path, "sysv") as host:
        host.write()
        host.start()
        bare = host.settled(0)
        seen = set()
        for _ in range(20):
            host.wg.run("up")
            wait_until(lambda: len(host.watch.jumps(4)) == len(host.watch.jumps(6)) == 2, host.rules)
            seen.add("\n".join(steady(host.rules())))
            host.wg.run("down")
            wait_until(lambda: host.watch.jumps(4) == host.watch.jumps(6) == [], host.rules)
            assert host.rules() == bare
        assert len(seen) == 1, "\n\n".join(sorted(seen))
        assert host.watch.run("status").returncode == 0


def test_restarts_without_a_breath_and_two_tunnels(tmp_path: Path) -> None:
    """Down and up faster than anybody can look: where the rules land may differ, what they do may not."""
    with made(tmp_path, "sysv") as host:
        host.write()
        host.start()
        bare = host.settled(0)
        host.wg.run("up")
        for _ in range(3):
            host.wg.run("down")
            host.wg.run("up")
        host.settled(2)
        assert host.promised()
        host.wg.configure("wg1", 9)
        host.wg.run("up", "wg1")
        host.settled(2)
        assert host.promised()
        host.wg.run("down", "wg1")  # takes wg0's "main without its default" along: wg-quick's own manner
        host.settled(2)
        assert host.promised()
        host.wg.run("down")
        assert host.settled(0) == bare
