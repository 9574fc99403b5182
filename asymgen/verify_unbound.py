"""What a socket without an address sends: as without asymgen, and by one way from the first packet on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asymgen.diagnosis import FAR_AWAY, answer_words, way_words
from asymgen.findings import Finding, Severity
from asymgen.lookup import Answer, Packet, RoutingState, before, with_rules
from asymgen.model import Address, Host, Plan
from asymgen.numbers import is_ours
from asymgen.records import record

Way = tuple["str | None", "Address | None"]
"""Interface and gateway; without a gateway: on-link."""


@record
class Connection:
    """The ways of an unbound socket's packets: ``first`` as it asks for the destination alone, ``settled`` as the
    kernel asks again with the ``source`` it chose. The words are for people."""

    destination: Address
    first: frozenset[Way]
    settled: frozenset[Way]
    source: Address | None
    first_words: str
    settled_words: str


def kernel_connection(
    destination: Address, *, first: Way | None, source: Address | None, settled: Way | None
) -> Connection:
    """As ``ip route get`` told it; None is no way."""
    return Connection(destination, _ways(first), _ways(settled), source, _words(first), _words(settled))


def _ways(way: Way | None) -> frozenset[Way]:
    return frozenset() if way is None else frozenset({way})


def _words(way: Way | None) -> str:
    return "nowhere" if way is None else way_words(*way)


def unbound(host: Host, plan: Plan, told: Iterable[Connection] = ()) -> Iterator[Finding]:
    """``told`` is the kernel's own word; the model's is taken for a destination that is not in it."""
    live = {each.destination: each for each in told}
    now = before(host)
    without = with_rules(host, (rule for rule in host.rules if not is_ours(rule, plan.kept)))
    for family in sorted(plan.active):
        for destination in FAR_AWAY[family]:
            packet = Packet(family, destination)
            plain = without.lookup(packet)
            seen = live.get(destination) or _connection(now, packet)
            if not _is_one_of(seen.first, _ways_of(plain)):
                yield _changed(seen, answer_words(plain))
            elif seen.settled != seen.first:
                yield _moved_on(seen)


def _connection(routing: RoutingState, packet: Packet) -> Connection:
    """As the model has it."""
    first, settled = routing.lookup(packet), routing.connect(packet)
    return Connection(
        packet.destination, _ways_of(first), _ways_of(settled), settled.source, answer_words(first),
        answer_words(settled),
    )  # fmt: skip


def _ways_of(answer: Answer) -> frozenset[Way]:
    return frozenset((way.interface, way.gateway) for way in answer.ways)


def _is_one_of(ways: frozenset[Way], plain: frozenset[Way]) -> bool:
    """The kernel names one next hop of a multipath route, the model all of them."""
    return ways <= plain and bool(ways) == bool(plain)


def _changed(seen: Connection, plain: str) -> Finding:
    return Finding(
        Severity.ERROR, "unbound",
        f"unbound traffic to {seen.destination} leaves by {seen.first_words}, without asymgen's rules by {plain}",
        "asymgen promises to leave it alone", "report it with the output of `asymgen snapshot`",
    )  # fmt: skip


def _moved_on(seen: Connection) -> Finding:
    return Finding(
        Severity.WARNING, "unbound",
        f"a connection to {seen.destination} gets the source {seen.source} for the way {seen.first_words}, then leaves "
        f"by {seen.settled_words}",
        "main's default names the source of another uplink, so its packets take that uplink's way",
        "correct `src` of main's default route, or the metrics of the defaults",
    )  # fmt: skip
