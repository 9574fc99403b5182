"""What has to be true of a machine, asked by packets, and how long it took until it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from tests.lab.containers import Container
from tests.lab.machine import Machine
from tests.packet_lab import CLIENT4, CLIENT6, PREFIXES

NOTHING: Mapping[str, str] = MappingProxyType({})
_STATE = (("addr",), ("rule",), ("-6", "rule"), ("route", "show", "table", "all"))


def faults(
    server: Machine,
    addresses: Sequence[str],
    containers: Sequence[Container] = (),
    ways: Mapping[str, str] = NOTHING,
    *,
    unbound: bool = True,
) -> list[str]:
    """What is not as promised: each address by ping, TCP and UDP, what took the wrong way, the next hop where ``ways``
    asks for it, containers, and (``unbound``) what the machine itself sends without a source."""
    server.lab.reset()
    found = []
    for address in addresses:
        questions: dict[str, Callable[[str], bool]] = {
            "ping": server.lab.pings, "TCP": server.lab.connects, "UDP": server.lab.echoes,
        }  # fmt: skip
        found += [f"{word} {address}" for word, ask in questions.items() if not ask(address)]
    wrong = server.lab.wrong() + server.world.misdelivered()
    found += [f"{wrong} packets by the wrong way"] if wrong else []
    found += [
        f"{address} does not answer by {hop}" for address, hop in ways.items() if next_hop(server, address) != hop
    ]
    for container in containers:
        found += container.faults(server.host, addresses)
    return found + (_unbound(server, addresses) if unbound else [])


def next_hop(server: Machine, address: str) -> str:
    """The gateway that the kernel takes for an answer from ``address`` to the client."""
    answer = server.host.route_get(6 if ":" in address else 4, CLIENT6 if ":" in address else CLIENT4, address)
    return str((answer or {}).get("gateway", ""))


def _unbound(server: Machine, addresses: Sequence[str]) -> list[str]:
    """What has no source yet leaves by main's default, as before."""
    found = []
    for family, client in ((4, CLIENT4), (6, CLIENT6)):
        if any((":" in address) == (family == 6) for address in addresses):
            answer = server.host.route_get(family, client)
            first = PREFIXES[0][family == 6]
            if (
                answer is None
                or answer.get("dev") != server.first_interface
                or not str(answer.get("prefsrc", "")).startswith(first)
            ):
                found.append(f"unbound traffic to {client} leaves by {answer}")
    return found


def seconds_until_right(
    server: Machine, addresses: Sequence[str], ways: Mapping[str, str] = NOTHING, *, patience: float = 30
) -> float:
    """How long from now until the client's short pings of all addresses are answered in one round, by ``ways``."""
    start = time.monotonic()
    while not (
        all(next_hop(server, address) == hop for address, hop in ways.items())
        and all(server.lab.pings(address, wait=0.2) for address in addresses)
    ):
        if time.monotonic() > start + patience:
            break  # the proof, which follows, says what is wrong
    return time.monotonic() - start


def prove(
    server: Machine,
    addresses: Sequence[str],
    containers: Sequence[Container] = (),
    ways: Mapping[str, str] = NOTHING,
    *,
    unbound: bool = True,
    seconds: float = 30,
) -> float:
    """Until everything is right. Returns the seconds that took; fails with what is wrong after ``seconds``."""
    start = time.monotonic()
    while True:
        asked = time.monotonic()
        found = faults(server, addresses, containers, ways, unbound=unbound)
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
    """Every rule but the kernel's three, whoever's it is: the negative control. asymgen-watch would put them back."""
    server.run("sh", "-c", "read -r pid </run/asymgen-watch.pid && kill $pid", check=False)
    for version in ("-4", "-6"):
        for rule in server.host.json(version, "rule"):
            if rule["priority"] not in (0, 32766, 32767):
                server.host.ip(version, "rule", "del", "pref", str(rule["priority"]))
