"""The life of each machine: written by ``detect --write``, activated, and proven by packets after everything that
breaks other tools: links that flap, managers that restart, new bridges, a VPN, a reboot, a power cut."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.containers import Container, container
from tests.lab.events import EVENTS, tunnel_goes, tunnel_takes_everything
from tests.lab.journal import Entry, note
from tests.lab.machine import Machine
from tests.lab.proof import drop_rules, own_rules, prove, seconds_until_answered
from tests.lab.rows import Boot, activate, configuration, restart_service, wait_for_addresses, write

pytestmark = [pytest.mark.netns, pytest.mark.lab]


class Life:
    """One machine and what was seen of it."""

    def __init__(self, server: Machine, row: Boot) -> None:
        self.server = server
        self.row = row
        self.addresses = configuration(row).addresses
        self.containers: list[Container] = []

    def prove(self, event: str, *, outcome: str = "kept") -> None:
        seconds = seconds_until_answered(self.server, self.addresses)
        try:
            prove(self.server, self.addresses, self.containers)
        except AssertionError as error:
            raise AssertionError(f"after {event}: {error}") from error
        note(Entry(self.row.system, self.row.backend, self.row.addressing, event, outcome, seconds))

    def is_dead(self) -> bool:
        """Whether no address of the second uplink answers."""
        return not any(self.server.lab.pings(address) for address in configuration(self.row).second)


def test_a_life(server: Machine, row: Boot, tmp_path: Path) -> None:
    life = Life(server, row)
    wait_for_addresses(server, life.addresses)
    assert life.is_dead(), "negative control: without asymgen the second uplink must not answer"
    write(server, row, tmp_path)
    activate(server, row, tmp_path)
    life.prove("activated")
    _everyday(life)
    server.reboot()
    life.prove("reboot")
    drop_rules(server)
    assert life.is_dead(), "negative control: the rules did it"
    server.cut_power()
    life.prove("power cut")


def _everyday(life: Life) -> None:
    """The events of one boot, with containers all the while."""
    server, row = life.server, life.row
    with ExitStack() as stack:
        for event, bridge, network in (
            ("containers", "docker0", "172.17.0.0/16"),
            ("a second bridge, later", "br-later", "172.18.0.0/16"),
        ):
            life.containers.append(stack.enter_context(container(server.host, bridge, network)))
            life.prove(event)
        rules = own_rules(server)
        for each in EVENTS:
            if row.manager not in each.managers or each.name in row.spared:
                continue
            each.happens(server, row.manager)
            heard = row.backend in each.recovers
            if not heard:
                restart_service(server)
            life.prove(each.name, outcome="kept" if heard else "lost")
            assert own_rules(server) == rules, f"rules after {each.name}"
        _tunnel(life)
        life.containers.clear()


def _tunnel(life: Life) -> None:
    tunnel_takes_everything(life.server)
    for address in life.addresses:
        assert life.server.lab.pings(address), f"{address}, with a tunnel that takes everything"
    tunnel_goes(life.server)
    life.prove("a VPN of two halves, gone again")
