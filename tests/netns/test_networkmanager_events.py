"""Every event of the real NetworkManager that our script follows: sent, heard, late, and repeated.

asymgen-watch is taken away where it is not the point, so that nothing else can have told the script. A spy in the
dispatcher's folder writes down what NetworkManager really said.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.netns.test_unheard_addresses import AUTO, MANUAL, World, events, world
from tests.networkmanager_daemon import NetworkManager, networkmanager

pytestmark = pytest.mark.netns

SCRIPT = "/etc/NetworkManager/dispatcher.d/50-asymgen"
WATCHER = "usr/local/lib/asymgen/asymgen-watch"
SHORT_LEASE = """\
start {address}
end {address}
interface router1
lease_file {folder}/short-leases
pidfile {folder}/short-pid
opt subnet 255.255.255.0
opt router {router}
opt lease 8
"""


@dataclass
class Events:
    """NetworkManager with eth0 static and eth1 by DHCP and advertisements; asymgen has written its script."""

    made: World
    daemon: NetworkManager

    def heard(self, interface: str = "eth1") -> list[str]:
        """The actions that the dispatcher was told for ``interface``."""
        return [line.split(" ")[1] for line in events(self.made.folder) if line.startswith(f"{interface} ")]

    def until_heard(self, action: str, times: int) -> None:
        self.made.until(lambda: self.heard().count(action) >= times, lambda: (self.heard(), self.daemon.log))

    def until_last_heard(self, action: str) -> None:
        """Of "up" and "down" the last one."""
        self.made.until(lambda: [one for one in self.heard() if one in ("up", "down")][-1] == action, self.heard)

    def spy(self, name: str, command: str) -> None:
        """A script of ``command`` beside ours; the dispatcher runs them in the order of their names."""
        path = self.made.root / "etc/NetworkManager/dispatcher.d" / name
        path.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
        path.chmod(0o755)

    def rules(self) -> list[int]:
        """How many rules of ours each family has."""
        lines = [self.made.host.ip("-N", family, "rule").splitlines() for family in ("-4", "-6")]
        return [sum(line.endswith("proto 97") for line in family) for family in lines]


@contextmanager
def running(folder: Path, packages: Path, *, watcher: bool = False) -> Iterator[Events]:
    with world(folder) as made:
        made.provider.offer("198.51.100.77", "198.51.100.1")
        with networkmanager(made.host, made.root, packages) as daemon:
            found = Events(made, daemon)
            daemon.profile("eth0", MANUAL)
            daemon.profile("eth1", AUTO)
            (made.root / "etc/NetworkManager/dispatcher.d").mkdir(parents=True)
            (made.root / WATCHER).parent.mkdir(parents=True)  # before it becomes a part of the daemon's /usr
            found.spy("90-spy", f'echo "$1 $2" >>{folder}/events')
            daemon.start()
            found.until_heard("up", 1)
            made.until(lambda: len(made.addresses()) == 2, lambda: daemon.log)
            made.write("networkmanager", daemon)
            if not watcher:
                (made.root / WATCHER).unlink()
            yield found


def test_leases_that_are_renewed(tmp_path: Path, networkmanager_packages: Path) -> None:
    """1.42 calls no script when a renewal names another router: asymgen-watch hears of the route."""
    by_dhcp = AUTO.replace("method=auto\nip6-privacy=2", "method=ignore")
    with running(tmp_path, networkmanager_packages, watcher=True) as found:
        made = found.made
        made.provider.stop()
        found.daemon.profile("eth1", by_dhcp)
        found.daemon.run("nmcli", "connection", "reload")
        with lending(made, "198.51.100.77", "198.51.100.1"):
            found.daemon.run("nmcli", "connection", "up", "eth1")
            made.until(lambda: made.way("198.51.100.77") == ("eth1", "198.51.100.1"))
            found.until_heard("up", 2)
        with lending(made, "198.51.100.77", "198.51.100.254"):
            made.until(lambda: made.way("198.51.100.77") == ("eth1", "198.51.100.254"), lambda: found.daemon.log)
        assert found.heard().count("up") == 2, "it never went down"


def test_first_lease(tmp_path: Path, networkmanager_packages: Path) -> None:
    """dhcp4-change comes before the first "up": the script acts on it alone."""
    with running(tmp_path, networkmanager_packages) as found:
        found.daemon.run("nmcli", "connection", "down", "eth1")
        found.made.until(lambda: found.heard()[-1] == "down")
        found.made.until(lambda: found.rules()[0] == 0)
        found.spy("40-gate", f'[ "$1:$2" != eth1:up ] || while [ ! -e {tmp_path}/go ]; do sleep 0.1; done')
        found.daemon.run("nmcli", "connection", "up", "eth1")
        found.made.until(lambda: found.heard()[-1] == "dhcp4-change", lambda: (found.heard(), found.daemon.log))
        assert found.rules()[0] == 4
        assert found.made.way("198.51.100.77") == ("eth1", "198.51.100.1")
        (tmp_path / "go").touch()
        found.until_heard("up", 2)


@contextmanager
def lending(made: World, address: str, router: str) -> Iterator[None]:
    """BusyBox's server with leases of eight seconds: a client asks again after four."""
    routers, folder = made.provider.routers, made.folder
    routers.ip("address", "replace", "198.51.100.253/24", "dev", "router1", "noprefixroute")
    (folder / "short-leases").write_bytes(b"")
    (folder / "short").write_text(SHORT_LEASE.format(address=address, router=router, folder=folder), encoding="utf-8")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = routers.start("busybox", "udhcpd", "-f", str(folder / "short"), **quiet)
    try:
        yield
    finally:
        server.terminate()
        server.wait(10)


def test_dhcp6_leases(tmp_path: Path, networkmanager_packages: Path) -> None:
    """dhcp6-change tells of an address that came when the interface was up already."""
    with running(tmp_path, networkmanager_packages) as found:
        made = found.made
        made.provider.offer("198.51.100.77", "198.51.100.1", silent=True)
        found.daemon.run("nmcli", "connection", "up", "eth1")
        found.until_heard("up", 2)
        made.until(lambda: found.rules() == [4, 0])
        before = found.heard()
        made.provider.offer("198.51.100.77", "198.51.100.1", stateful=True)
        made.until(lambda: "dhcp6-change" in found.heard()[len(before) :], lambda: (found.heard(), found.daemon.log))
        made.until(lambda: "2001:db8:b::100" in made.addresses() and made.all_by("eth1"), lambda: found.daemon.log)
        assert set(found.heard()[len(before) :]) == {"dhcp6-change"}


LATE = ((("up", "down"), [4, 4]), (("up", "down", "up"), [8, 8]), (("down", "up", "down"), [4, 4]))


def test_events_that_come_late(tmp_path: Path, networkmanager_packages: Path) -> None:
    """The dispatcher is still at the first event when the next thing happens: "up" is said when it is down already,
    "down" when it is up again."""
    with running(tmp_path, networkmanager_packages) as found:
        gate = tmp_path / "open"
        found.daemon.run(SCRIPT, "start")
        found.spy("10-slow", f"while [ ! -e {gate} ]; do sleep 0.1; done")
        for actions, wanted in LATE:
            gate.unlink(missing_ok=True)
            before = found.heard()
            for action in actions:
                found.daemon.run("nmcli", "connection", action, "eth1")
            assert found.heard() == before, "nothing is said yet"
            gate.touch()
            for action in set(actions):
                found.until_heard(action, before.count(action) + actions.count(action))
            # "up" of what is up already says "down" first: that is not yet the last one.
            found.until_last_heard(actions[-1])
            if wanted == [8, 8]:  # advertisements may come later than "up": asymgen-watch's task
                found.made.until(lambda: len(found.made.addresses()) == 2)
                found.daemon.run(SCRIPT, "follow", "eth1")
            assert found.rules() == wanted


def test_events_that_come_again(tmp_path: Path, networkmanager_packages: Path) -> None:
    with running(tmp_path, networkmanager_packages) as found:
        found.daemon.run(SCRIPT, "start")
        whole = found.made.ours()
        for times in (1, 2, 3):
            found.daemon.run("nmcli", "device", "reapply", "eth1")
            found.until_heard("reapply", times)
        assert found.made.ours() == whole
        for times in (2, 3):
            found.daemon.run("nmcli", "connection", "up", "eth0")
            found.made.until(lambda: found.heard("eth0").count("up") >= times)  # noqa: B023
        found.made.until(lambda: found.made.ours() == whole, lambda: (whole, found.made.ours()))
