"""``asymgen detect`` on a live host with two uplinks, and ``asymgen --help``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from asymgen.system.probe import IP_OBJECTS
from bench.measure import Figure, Samples, command, in_order, take_turns
from bench.networks import entered, two_uplinks
from bench.programs import Asymgen, Peer
from bench.report import Row, Table, against, is_met, ratio_words

IP = [("ip", "-j", "-d", *words) for words in IP_OBJECTS.values()]


def ip_calls() -> Figure:
    """The same questions to ip(8) that asymgen asks, and nothing else."""
    return in_order([command(*argv) for argv in (*IP, ("ip", "-V"))])


def floor(asymgen: Asymgen) -> Figure:
    """What a program of this kind cannot do without: its two libraries, and those questions."""
    return in_order([command(asymgen.python, "-c", "import click, jinja2"), ip_calls()])


def tables(asymgen: Asymgen, peers: dict[str, Peer], *, quick: bool) -> Iterator[Table]:
    rounds = 1 if quick else 21
    with two_uplinks() as made, entered(made):
        found = take_turns(
            {
                "floor": floor(asymgen),
                "asymgen detect": command(asymgen.program, "detect"),
                **{name: command(*peer.argv, environment=peer.environment) for name, peer in peers.items()},
            },
            rounds=rounds,
        )
        yield Table(
            "detect: two uplinks, live",
            "The floor is `python3 -c 'import click, jinja2'` and the same `ip` calls, one after the other. netplan "
            "and cloud-init (of Debian, byte-compiled) get the same two uplinks as YAML and write .network files; they "
            "read nothing of the host.",
            "at most 1.6 times the floor, and faster than both peers",
            (*against(found, "floor", at_most={"asymgen detect": 1.6}), *_beside(found, peers)),
        )
    found = take_turns(
        {
            "python3 -c 'import click'": command(asymgen.python, "-c", "import click"),
            "asymgen --help": command(asymgen.program, "--help"),
        },
        rounds=rounds,
    )
    base = "python3 -c 'import click'"
    yield Table(
        "Start-up: asymgen --help",
        "The part that every command pays.",
        "at most 1.5 times `import click`",
        tuple(against(found, base, at_most={"asymgen --help": 1.5})),
    )


def _beside(found: Mapping[str, Samples], peers: Iterable[str]) -> Iterator[Row]:
    for peer in peers:
        ratios = found["asymgen detect"].over(found[peer])
        yield Row(f"asymgen detect against {peer}", "", "", ratio_words(ratios), is_met(ratios, 1))
