"""One machine, and what was seen of it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.lab.containers import Container
from tests.lab.journal import Entry, note
from tests.lab.machine import Machine
from tests.lab.proof import prove, seconds_until_right
from tests.lab.rows import Boot, configuration, run_again


class Life:
    """One machine and what was seen of it."""

    def __init__(self, server: Machine, row: Boot, second: Sequence[str] = ()) -> None:
        self.server = server
        self.row = row
        self.addresses = configuration(row).addresses
        self.second = second or configuration(row).second
        self.ways: dict[str, str] = {}
        """The next hop by which an address must answer, where that is in question."""
        self.containers: list[Container] = []

    def prove(self, event: str, *, outcome: str = "kept", part: str = "events", unbound: bool = True) -> None:
        """The proof, until it is right; noted under ``event``."""
        seconds = seconds_until_right(self.server, self.addresses, self.ways)
        try:
            prove(self.server, self.addresses, self.containers, self.ways, unbound=unbound)
        except AssertionError as error:
            raise AssertionError(f"after {event}: {error}") from error
        self.note(event, outcome=outcome, seconds=seconds, part=part)

    def note(self, event: str, *, outcome: str, seconds: float = 0, part: str = "events") -> None:
        row = self.row
        note(Entry(row.system, row.backend, row.addressing.value, event, outcome, seconds, part))

    def prove_after(self, event: str, heard: frozenset[str], *, part: str = "events") -> None:
        """The proof, after a restart of what was written where the backend does not hear of ``event``."""
        if self.row.backend not in heard:
            run_again(self.server)
        self.prove(event, outcome="kept" if self.row.backend in heard else "lost", part=part)

    def is_dead(self) -> bool:
        """Whether no address of the second uplink answers."""
        return not any(self.server.lab.pings(address) for address in self.second)
