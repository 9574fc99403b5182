"""Questions to the model of the kernel's lookup, and its answers."""

from __future__ import annotations

import enum

from asymgen.model import Address, Family, NextHop, Route, Rule
from asymgen.records import record

LOOPBACK = "lo"


class Kind(str, enum.Enum):
    """How a lookup ends: the type of the route or error rule that decided, or NONE at all."""

    UNICAST = "unicast"
    LOCAL = "local"
    BROADCAST = "broadcast"
    MULTICAST = "multicast"
    ANYCAST = "anycast"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    NONE = "none"

    @property
    def is_error(self) -> bool:
        """The packet is not sent."""
        return self in (Kind.BLACKHOLE, Kind.UNREACHABLE, Kind.PROHIBIT, Kind.NONE)


class Fate(enum.Enum):
    """What became of a rule during one lookup."""

    SKIPPED = "skipped"
    UNRESOLVED = "goto without target"
    NO_ACTION = "no action"
    NO_ROUTE = "no route"
    THROWN = "thrown"
    SUPPRESSED = "suppressed"
    JUMPED = "jumped"
    DECIDED = "decided"


@record
class Packet:
    """A question. ``source`` None is a socket bound to no address; ``iif`` "lo" a packet that the
    host itself sends; ``ipproto`` and the ports 0 match no selector for them."""

    family: Family
    destination: Address
    source: Address | None = None
    iif: str = LOOPBACK
    oif: str | None = None
    mark: int = 0
    tos: int = 0
    ipproto: int = 0
    sport: int = 0
    dport: int = 0
    uid: int = 0

    @property
    def is_own(self) -> bool:
        """The host itself sends it."""
        return self.iif == LOOPBACK


@record
class Step:
    """One rule's fate, and why in words; ``route`` is what its table answered."""

    rule: Rule
    fate: Fate
    why: str
    route: Route | None = None


@record
class Outcome:
    """One thing that may happen. ``hop`` is None for errors, ``rule`` None where no rule is asked
    (IPv4 multicast), ``source`` is the packet's own or the one that the kernel chooses."""

    kind: Kind
    hop: NextHop | None = None
    source: Address | None = None
    route: Route | None = None
    rule: Rule | None = None


@record
class Answer:
    """All that may happen; nearly always one outcome. ``steps`` is empty unless asked for."""

    outcomes: tuple[Outcome, ...]
    steps: tuple[Step, ...] = ()

    @property
    def first(self) -> Outcome:
        return self.outcomes[0]

    @property
    def kind(self) -> Kind:
        return self.first.kind

    @property
    def route(self) -> Route | None:
        return self.first.route

    @property
    def rule(self) -> Rule | None:
        return self.first.rule

    @property
    def source(self) -> Address | None:
        return self.first.source

    @property
    def ways(self) -> tuple[NextHop, ...]:
        """Every leg that may be taken, each once."""
        return tuple(dict.fromkeys(outcome.hop for outcome in self.outcomes if outcome.hop is not None))
