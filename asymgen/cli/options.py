"""The options that several commands share: INPUT and CHOICES of the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from asymgen.choices import ARP, FAMILIES, LISTS, RULE_BY
from asymgen.system.probe import READERS

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

PATH = click.Path(path_type=str)

READER = click.option("--reader", type=click.Choice(READERS),
                      help="What reads the live system. [iproute2; netifaces where ip has no JSON]")  # fmt: skip
INPUT = (
    click.option("--snapshot", metavar="FILE", type=PATH,
                 help='Read the host from FILE ("-" = standard input) instead of the live system.'),
    READER,
)  # fmt: skip
SNAPSHOTS = click.option(
    "--snapshot", metavar="FILE", type=PATH, multiple=True,
    help='Read the host from FILE ("-" = standard input) instead of the live system. Repeatable: a line for each host.',
)  # fmt: skip

CHOICES = (
    click.option(
        "--gateway", metavar="IF=ADDR|none", multiple=True, help="The next hop of an interface, or none. Repeatable."
    ),
    click.option("--uplink", metavar="IF", multiple=True, help="Take this interface for an uplink. Repeatable."),
    click.option("--exclude", metavar="IF", multiple=True, help="Leave this interface alone. Repeatable."),
    click.option("--rule-by", type=click.Choice(RULE_BY), help="What rules select by. [auto]"),
    click.option("--ahead", is_flag=True, help="Expect tools that put rules ahead of all others (wg-quick)."),
    click.option("--arp", type=click.Choice(ARP), help="How interfaces on one subnet keep their ARP apart. [filter]"),
    click.option("--fail-closed", is_flag=True, help="Never let an answer leave by another uplink."),
    click.option("--table-base", metavar="N", type=int, help="First routing table number. [1]"),
    click.option("--priority-base", metavar="N", type=int, help="First rule priority. [32000]"),
    click.option("--family", type=click.Choice(tuple(FAMILIES)), help="Address families to plan for. [both]"),
    click.option("--network-file", metavar="IF=NAME", multiple=True,
                 help="The .network file that configures an interface. Repeatable."),
    click.option("--config", metavar="FILE", type=PATH,
                 help="Read lasting choices from FILE. [/etc/asymgen/asymgen.toml of the host]"),
    click.option("--plan", metavar="DIR", type=PATH, help="Keep numbers in DIR/<host>.json, not on the host."),
)  # fmt: skip

BACKEND = click.option("--backend", metavar="NAME|IF=NAME", multiple=True, help="Write for this backend. Repeatable.")
ROOT = click.option("--root", metavar="DIR", type=PATH, help="Read and write files below DIR. [/]")


def add_options(*options: Callable[[Decorated], Decorated]) -> Callable[[Decorated], Decorated]:
    """Decorate a command with ``options``, shown in the order given."""

    def decorate(function: Decorated) -> Decorated:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def given_choices(parameters: dict[str, Any]) -> dict[str, Any]:
    """The CHOICES among a command's parameters, by their names in asymgen.toml."""
    single = ("rule-by", "ahead", "arp", "fail-closed", "table-base", "priority-base", "family")
    lists = {name: parameters.get(name.replace("-", "_"), ()) for name in LISTS}
    return {**lists, **{name: parameters.get(name.replace("-", "_")) for name in single}}


def repeated_choices(parameters: dict[str, Any]) -> list[str]:
    """The CHOICES and the reader of this call as words, for a command that shall plan the same."""
    words: list[str] = []
    given = {name: value for name, value in given_choices(parameters).items() if name != "backend"}
    places = {name: parameters.get(name) for name in ("config", "plan", "reader")}
    for name, value in {**given, **places}.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None and value is not False:
            for each in value if isinstance(value, tuple) else (value,):
                words += [f"--{name}", str(each)]
    return words
