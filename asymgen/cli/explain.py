"""``asymgen explain``: the way of one packet through rules and tables, in words."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import click

from asymgen.backends.shell import capabilities
from asymgen.cli.inputs import Input, read_input
from asymgen.cli.options import CHOICES, INPUT, add_options
from asymgen.errors import UsageError
from asymgen.explanation import Explanation, Step, explain
from asymgen.lookup import Fate, Packet
from asymgen.lowering import lower
from asymgen.model import Address, Family
from asymgen.owners import Owners
from asymgen.planner import plan as make_plan
from asymgen.report import printable

SCHEMA = 1


@click.command("explain")
@add_options(*INPUT, *CHOICES)
@click.argument("addresses", metavar="[SRC] DST", nargs=-1)
@click.option("--from-interface", "iif", metavar="IF", help="A packet that arrives on IF to be forwarded.")
@click.option("--mark", metavar="N", default="0", help="Its firewall mark (fwmark). [0]")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True,
              help="Words for people, or a document for programs (docs/json.md).")  # fmt: skip
def command(*, addresses: tuple[str, ...], iif: str | None, mark: str, form: str, **parameters: Any) -> None:
    """Say, step by step, which way a packet from SRC to DST takes: which rules match, which are passed over
    and why, which table and route decide, and whose rules they are. Without SRC: a socket that is bound to
    no address.

    \b
    Examples:
      asymgen explain 198.51.100.10 203.0.113.7
      asymgen explain --snapshot web1.json 203.0.113.7
    """
    source, destination = _addresses(addresses)
    given = read_input(parameters)
    plan = make_plan(given.host, given.choices, given.kept)
    owners = Owners(given.host, lower(plan, capabilities(given.host)), plan.kept)
    packet = Packet(
        Family(destination.version), destination, source=source, iif=_interface(given, iif), mark=_number(mark)
    )
    told = explain(given.host, plan, packet=packet, owners=owners)
    if form == "json":
        click.echo(json.dumps(_document(told), indent=2, ensure_ascii=True))
    else:
        click.echo(printable("\n".join(_lines(told))))


def _addresses(texts: tuple[str, ...]) -> tuple[Address | None, Address]:
    if len(texts) not in (1, 2):
        raise UsageError(
            f"explain takes [SRC] DST, one address or two: found {len(texts)}",
            hint="for example: asymgen explain 198.51.100.10 203.0.113.7",
        )
    found = [_address(text) for text in texts]
    if len({address.version for address in found}) > 1:
        raise UsageError(f"{texts[0]} and {texts[1]}: one is IPv4 and one IPv6; give two of one family")
    return (found[0] if len(found) == 2 else None), found[-1]


def _address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise UsageError(
            f"{text}: is no IP address",
            hint="give an address such as 203.0.113.7 or 2001:db8::7; names are not looked up",
        ) from None


def _interface(given: Input, name: str | None) -> str:
    if name is None:
        return "lo"
    if given.host.link(name) is None:
        known = ", ".join(link.name for link in given.host.links)
        raise UsageError(f"--from-interface {name}: there is no such interface", hint=f"there are: {known}")
    return name


def _number(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 32:
        raise UsageError(f"--mark {text}: expected a number from 0 to 0xffffffff")
    return number


def _lines(told: Explanation) -> Iterator[str]:
    source = "a socket bound to no address" if told.source is None else str(told.source)
    yield f"From {source} to {told.destination}:"
    yield ""
    yield from _step_lines(told.steps)
    yield ""
    yield f"So it leaves by {told.answer}." if not told.answer.startswith("nowhere") else f"So it goes {told.answer}."
    if told.expected and told.expected != told.answer:
        yield f"It should leave by {told.expected}: `asymgen detect` says what is missing."
    if told.source is None and told.chosen is not None:
        yield f"The kernel gives it the source {told.chosen}."
    if told.again and told.settled != told.answer:
        yield ""
        yield f"A socket that connects asks again, now from {told.chosen}:"
        yield ""
        yield from _step_lines(told.again)
        yield ""
        yield f"So a connection leaves by {told.settled}."


def _step_lines(steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        yield f"  {step.priority:>5}: {step.rule}   [{step.owner}]"
        yield f"         {_verdict(step)}{step.why}"


def _verdict(step: Step) -> str:
    words = {
        Fate.SKIPPED.value: "passed over: ", Fate.DECIDED.value: "decides: ", Fate.JUMPED.value: "jumps: ",
        Fate.UNRESOLVED.value: "leads nowhere: ",
    }  # fmt: skip
    return words.get(step.fate, "matches: ")


def _document(told: Explanation) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "source": None if told.source is None else str(told.source),
        "destination": str(told.destination),
        "steps": [asdict(step) for step in told.steps],
        "answer": told.answer,
        "route": told.route,
        "chosen_source": None if told.chosen is None else str(told.chosen),
        "again": [asdict(step) for step in told.again],
        "connection": told.settled or told.answer,
        "expected": told.expected or None,
    }
