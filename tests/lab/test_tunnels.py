"""A tunnel that takes everything, by the real wg-quick: its pair of rules has no priority, and lands before ours. The
watcher puts the jump before them, as a unit of systemd or started by the init script, after a reboot too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.life import Life
from tests.lab.machine import Machine, wait_for
from tests.lab.proof import own_rules, prove
from tests.lab.rows import AHEAD_ROWS, Boot, activate, wait_for_addresses, write
from tests.namespaces import namespace
from tests.packet_lab import CLIENT4, CLIENT6
from tests.wg_quick import WgQuick

pytestmark = [pytest.mark.netns, pytest.mark.lab]


@pytest.fixture(params=AHEAD_ROWS, ids=str)
def row(request: pytest.FixtureRequest) -> Boot:
    made: Boot = request.param
    return made


@contextmanager
def wg_quick(server: Machine, folder: Path) -> Iterator[WgQuick]:
    """Of this boot: its kernel has no WireGuard, the interface is a veth that leads nowhere."""
    with namespace("wg") as beyond:
        made = WgQuick(server.host, beyond, folder)
        made.configure("wg0")
        yield made


def takes_unbound(server: Machine) -> bool:
    """What the machine sends without a source enters the tunnel, as wg-quick alone would have it."""
    answers = (server.host.route_get(family, client) for family, client in ((4, CLIENT4), (6, CLIENT6)))
    return all(answer is not None and answer["dev"] == "wg0" for answer in answers)


def test_a_tunnel_comes_and_goes(server: Machine, row: Boot, tmp_path: Path) -> None:
    life = Life(server, row)
    wait_for_addresses(server, life.addresses)
    write(server, row, tmp_path)
    activate(server, row, tmp_path)
    life.prove("activated", part="tunnels")
    rules = own_rules(server)
    with wg_quick(server, tmp_path / "first") as tunnel:
        for time in ("", " again"):
            tunnel.run("up")
            life.prove(f"up{time}", part="tunnels", unbound=False)
            assert takes_unbound(server)
            tunnel.run("down")
            life.prove(f"down{time}", part="tunnels")
            wait_for(lambda: own_rules(server) == rules, f"{own_rules(server)}\n{rules}")
        tunnel.run("up")
        prove(server, life.addresses, unbound=False)
        watcher(server, "stop")
        assert life.is_dead(), "negative control: it was the watcher"
        watcher(server, "start")
        life.prove("watcher started with a tunnel up", part="tunnels", unbound=False)
    server.reboot()
    wait_for_addresses(server, life.addresses)
    life.prove("reboot", part="tunnels")
    with wg_quick(server, tmp_path / "second") as tunnel:
        tunnel.run("up")
        life.prove("up after the reboot", part="tunnels", unbound=False)
        tunnel.run("down")
        life.prove("down after it", part="tunnels")


def watcher(server: Machine, verb: str) -> None:
    by_unit, by_script = ("systemctl", verb, "asymgen-watch"), ("/usr/local/lib/asymgen/asymgen-watch", verb)
    server.run(*(by_unit if server.system.is_systemd else by_script))
