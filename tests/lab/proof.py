"""What has to be true of a machine, asked by packets, and how long it took until it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tests.lab.containers import Container
from tests.lab.machine import Machine
from tests.packet_lab import CLIENT4, CLIENT6, PREFIXES

_STATE = (("addr",), ("rule",), ("-6", "rule"), ("route", "show", "table", "all"))


def faults(server: Machine, addresses: Sequence[str], containers: Sequence[Container] = ()) -> list[str]:
    """What is not as promised: each address by ping, TCP and UDP, what reached the wrong provider, containers,
    and what the machine itself sends without a source."""
    server.lab.reset()
    found = []
    for address in addresses:
        ways: dict[str, Callable[[str], bool]] = {
            "ping": server.lab.pings, "TCP": server.lab.connects, "UDP": server.lab.echoes,
        }  # fmt: skip
        found += [f"{word} {address}" for word, ask in ways.items() if not ask(address)]
    found += [f"{server.lab.wrong()} packets by the wrong provider"] if server.lab.wrong() else []
    for container in containers:
        found += container.faults(server.host, addresses)
    return found + _unbound(server, addresses)


def _unbound(server: Machine, addresses: Sequence[str]) -> list[str]:
    """What has no source yet leaves by main's default, as before."""
    found = []
    for family, client in ((4, CLIENT4), (6, CLIENT6)):
        if any((":" in address) == (family == 6) for address in addresses):
            answer = server.host.route_get(family, client)
            first = PREFIXES[0][family == 6]
            if answer is None or answer.get("dev") != "eth0" or not str(answer.get("prefsrc", "")).startswith(first):
                found.append(f"unbound traffic to {client} leaves by {answer}")
    return found


def seconds_until_answered(server: Machine, addresses: Sequence[str], *, patience: float = 30) -> float:
    """How long from now until the client's short pings of all addresses are answered in one round."""
    start = time.monotonic()
    while not all(server.lab.pings(address, wait=0.2) for address in addresses):
        if time.monotonic() > start + patience:
            break  # the proof, which follows, says what is wrong
    return time.monotonic() - start


def prove(
    server: Machine, addresses: Sequence[str], containers: Sequence[Container] = (), *, seconds: float = 30
) -> float:
    """Until everything is right. Returns the seconds that took; fails with what is wrong after ``seconds``."""
    start = time.monotonic()
    while True:
        asked = time.monotonic()
        found = faults(server, addresses, containers)
        if not found:
            return asked - start
        assert time.monotonic() < start + seconds, "\n".join([*found, _state(server)])
        time.sleep(0.1)


def _state(server: Machine) -> str:
    return "\n".join([*(server.host.ip(*words, check=False) for words in _STATE), server.log[-4000:]])


def own_rules(server: Machine) -> list[str]:
    """Every rule but the kernel's three, sorted: to see duplicates and what was left behind."""
    lines = [line for version in ("-4", "-6") for line in server.host.ip(version, "rule").splitlines()]
    return sorted(line for line in lines if line.split(":")[0] not in ("0", "32766", "32767"))


def drop_rules(server: Machine) -> None:
    """Every rule but the kernel's three, whoever's it is: the negative control."""
    for version in ("-4", "-6"):
        for rule in server.host.json(version, "rule"):
            if rule["priority"] not in (0, 32766, 32767):
                server.host.ip(version, "rule", "del", "pref", str(rule["priority"]))
