"""``asymgen verify``: the kernel against the plan; every finding with what it means and what to do."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from asymgen import verify_report
from asymgen.cli import outcome
from asymgen.cli.inputs import Input, read_input
from asymgen.cli.options import BACKEND, CHOICES, INPUT, ROOT, add_options
from asymgen.detection import Detection, detect
from asymgen.diagnosis import FAR_AWAY
from asymgen.errors import DifferencesFoundError, UsageError
from asymgen.findings import Finding, Severity, in_order, is_wrong
from asymgen.json_text import to_json
from asymgen.model import Address, Plan
from asymgen.promise import Promise
from asymgen.report import printable
from asymgen.system.commands import Runner
from asymgen.system.kernel_routes import ask_kernel
from asymgen.system.probing import Sighting, probe
from asymgen.system.texts import write_text
from asymgen.verify import KernelAnswer, kernel_questions, verify
from asymgen.verify_unbound import Connection, kernel_connection

FORMATS = ("text", "json", "nagios", "prometheus")
DEFAULT_PORT = 443
PATIENCE = 2.0
"""Seconds that each probe is watched."""


@click.command("verify")
@add_options(*INPUT, *CHOICES, BACKEND, ROOT)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
              help="For people, for programs (docs/json.md), as a Nagios plugin, or for node_exporter.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=str), help="Write to FILE, atomically.")
@click.option("--probe", "probes", metavar="HOST[:PORT]", multiple=True,
              help="Send a ping and a TCP connection (port 443) from each uplink address to HOST, an address, "
                   "and say by which interface they leave. As root. Repeatable.")  # fmt: skip
def command(*, form: str, output: str | None, probes: tuple[str, ...], **parameters: Any) -> None:
    """Compare the kernel (or a snapshot) with the plan: do answers leave as they should, is everything in place, and
    what will break it? Exits with 1 where something is wrong.

    \b
    Examples:
      asymgen verify
      asymgen verify --probe 203.0.113.7
      asymgen verify --format prometheus -o /var/lib/node_exporter/asymgen.prom
    """
    targets = [_target(text) for text in probes]
    if targets and parameters.get("snapshot"):
        raise UsageError("--probe with --snapshot: packets can be sent only on the host itself")
    source = read_input(parameters)
    detection = detect(source.host, source.choices, source.kept)
    found = check_live(source, detection, live=not parameters.get("snapshot"))
    findings = in_order([*found, *_probed(detection, targets)])
    text = _RENDERERS[form](findings, detection.plan.hostname)
    if output is not None:
        write_text(Path(output), text)
    else:
        click.echo(printable(text), nl=False)
    if is_wrong(findings):
        raise DifferencesFoundError(verify_report.verdict(findings, host=detection.plan.hostname))


_RENDERERS: dict[str, Callable[[Sequence[Finding], str], str]] = {
    "text": lambda findings, host: verify_report.to_text(findings, host=host),
    "json": lambda findings, host: to_json(verify_report.to_document(findings, host=host)) + "\n",
    "nagios": lambda findings, host: verify_report.to_nagios(findings, host=host),
    "prometheus": lambda findings, _: verify_report.to_prometheus(findings),
}


def check_live(source: Input, detection: Detection, *, live: bool = True) -> tuple[Finding, ...]:
    """All findings of this host, with the kernel asked where it is ``live``."""
    changes = None if source.root is None else outcome.preview_of(source, detection, force=False)
    if not live or source.host.reader != "iproute2":
        return verify(detection, changes)
    run = Runner()
    told = ask_kernel(run, kernel_questions(source.host, detection.plan))
    asked = [KernelAnswer(each.source, each.destination, each.way, each.error) for each in told if each.source]
    return verify(detection, changes, asked=asked, connections=_connections(run, detection.plan))


def _connections(run: Runner, plan: Plan) -> list[Connection]:
    """An unbound socket's packets, as the kernel sends them: it asks for a way, and IPv4 again with the source that
    this gave (ip_route_connect)."""
    far = [(None, destination) for family in sorted(plan.active) for destination in FAR_AWAY[family]]
    first = ask_kernel(run, far)
    bound = [(each.chosen, each.destination) for each in first if each.chosen and each.destination.version == 4]
    settled = {each.destination: each.way for each in ask_kernel(run, bound)}
    return [
        kernel_connection(
            each.destination, first=each.way, source=each.chosen, settled=settled.get(each.destination, each.way)
        )
        for each in first
    ]


# --- packets ---------------------------------------------------------------------------------------------


def _target(text: str) -> tuple[Address, int]:
    """``203.0.113.7``, ``203.0.113.7:80``, ``2001:db8::7``, ``[2001:db8::7]:80``."""
    address, port = text, str(DEFAULT_PORT)
    if text.startswith("["):
        address, _, port = text[1:].partition("]:")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    found = _as_address(address)
    number = int(port) if port.isascii() and port.isdecimal() else 0
    if found is None or not 0 < number < 1 << 16:
        raise UsageError(
            f"--probe {text}: expected an address, with a port from 1 to 65535 or without",
            hint="for example 203.0.113.7, 203.0.113.7:80 or [2001:db8::7]:80; names are not looked up",
        )
    return found, number


def _as_address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _probed(detection: Detection, targets: Sequence[tuple[Address, int]]) -> Iterator[Finding]:
    plan = detection.plan
    for destination, port in targets:
        for uplink in plan.uplinks:
            if uplink.family.value != destination.version:
                continue
            wanted = {interface for interface, _ in Promise(plan, uplink.family).ways(uplink, destination)}
            for held in uplink.addresses:
                for seen in probe(held.address, destination, port=port, seconds=PATIENCE):
                    yield _sighted(seen, wanted)


def _sighted(seen: Sighting, wanted: set[str]) -> Finding:
    kind = "a ping" if seen.kind == "icmp" else "a TCP connection"
    what = f"{kind} from {seen.source} to {seen.destination}"
    should = " or ".join(sorted(wanted)) or "nothing"
    answered = "answered" if seen.answered else f"no answer within {PATIENCE:g} s"
    if seen.error or seen.left_by is None:
        why = seen.error or "no packet was seen to leave"
        return Finding(
            Severity.ERROR, "probe", f"{what} was not sent: {why}", f"it should leave by {should}",
            f"`asymgen explain {seen.source} {seen.destination}`",
        )  # fmt: skip
    if seen.left_by not in wanted:
        return Finding(
            Severity.ERROR, "probe", f"{what} left by {seen.left_by}, should leave by {should} ({answered})",
            "the other provider drops it", f"`asymgen explain {seen.source} {seen.destination}`",
        )  # fmt: skip
    return Finding(
        Severity.INFO, "probe", f"{what} left by {seen.left_by} ({answered})", "that is the promised way",
        "nothing" if seen.answered else "nothing here: a firewall may drop it, or the host is away",
    )  # fmt: skip
