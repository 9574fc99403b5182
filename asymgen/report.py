"""What ``detect`` says: as text for people, as a document for programs (docs/detect.schema.json). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from asymgen.changes import Changes
from asymgen.detection import Detection
from asymgen.errors import AsymgenError
from asymgen.model import Address, Host, Link, Uplink
from asymgen.numbers import PRIORITIES_EACH
from asymgen.problems import Problems

SCHEMA = 1
DESTINATIONS_SHOWN = 3


def to_document(detection: Detection, changes: Changes, commands: Sequence[str]) -> dict[str, Any]:
    """The document of ``--format json``; docs/json.md explains each key. The problems are an iterator for write_json():
    there may be hundreds of thousands."""
    plan = detection.plan
    return {
        "schema": SCHEMA,
        "host": {"name": plan.hostname, "machine_id": plan.machine_id, "os": os_name(detection.host)},
        "uplinks": [_uplink_document(uplink) for uplink in plan.uplinks],
        "others": [{"interface": other.interface, "why": other.why} for other in plan.others],
        "unresolved": [
            {"interface": one.interface, "family": one.family.value, "why": one.why} for one in plan.unresolved
        ],
        "problems": _problem_documents(detection.problems),
        "backends": [
            {"name": use.name, "interfaces": list(use.interfaces), "why": use.why} for use in detection.backends
        ],
        "files": [{"path": str(file.path), "mode": f"{file.mode:04o}", "text": file.text} for file in detection.files],
        "changed": [str(change.path) for change in changes.pending],
        "commands": list(commands),
        "notes": list(detection.notes),
    }


def _uplink_document(uplink: Uplink) -> dict[str, Any]:
    return {
        "interface": uplink.interface,
        "family": uplink.family.value,
        "addresses": [f"{text}/{each.prefixlength}" for each, text in zip(uplink.addresses, uplink.address_texts)],
        "gateway": None if uplink.gateway is None else str(uplink.gateway),
        "gateway_source": uplink.gateway_source,
        "table": uplink.table,
        "priority": uplink.priority,
        "sources": [str(source) for source in uplink.sources],
    }


def _problem_documents(problems: Problems) -> Iterator[dict[str, str]]:
    """One for each Problem, in their order, without making it first."""
    for group in problems.groups:
        sources = [str(source) for source in group.sources]
        for answer in group.answers:
            wrong = {"destination": str(answer.destination), "actual": answer.actual, "expected": answer.expected}
            yield from ({"source": source, **wrong} for source in sources)


def failure_document(snapshot: str, error: AsymgenError) -> dict[str, Any]:
    """What stands in place of a host's document in the array of several."""
    told = {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}
    return {"schema": SCHEMA, "snapshot": snapshot, "error": told}


def os_name(host: Host) -> str:
    """The distribution's own name for itself."""
    release = host.os_release
    return release.get("PRETTY_NAME") or release.get("NAME") or release.get("ID") or "unknown system"


def report_lines(detection: Detection, changes: Changes) -> Iterator[str]:
    """The report for a terminal, line by line (a host's may have a hundred thousand), without control characters."""
    heading = f"{detection.plan.hostname or 'this host'} ({os_name(detection.host)})"
    blocks: list[Iterable[str]] = [[heading], _interfaces(detection)]
    if detection.plan.nothing_to_do:
        blocks.append(["Nothing to do", "  fewer than two uplinks, and no tunnel that takes replies away from one"])
    else:
        blocks += [_problems(detection), _plan(detection), _backends(detection)]
    for text in _spaced([*blocks, _files(changes), _notes(detection)]):
        yield from printable(text).split("\n")


def _spaced(blocks: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines of all blocks, an empty one between two of them."""
    space: list[str] = []
    for block in blocks:
        for line in block:
            yield from space
            space = []
            yield line
        space = [""]


def printable(text: str) -> str:
    """``text`` with every control character and undecodable byte made visible: names are hostile."""
    if text.isprintable():
        return text
    return "\n".join(line if line.isprintable() else _visible(line) for line in text.split("\n"))


def _visible(line: str) -> str:
    return "".join(letter if letter == "\t" or letter.isprintable() else _escaped(letter) for letter in line)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return letter.encode("unicode_escape", errors="backslashreplace").decode("ascii")


def _interfaces(detection: Detection) -> Iterator[str]:
    yield "Interfaces"
    plan = detection.plan
    primary = next((uplink.interface for uplink in plan.uplinks if uplink.primary), None)
    rows = []
    for uplink in plan.uplinks:
        via = "point-to-point" if uplink.gateway is None else f"via {uplink.gateway}"
        word = "uplink, primary" if uplink.interface == primary else "uplink"
        lost = _lost(detection.host.link(uplink.interface))
        rows.append((uplink.interface, word, f"IPv{uplink.family.value} {via} ({uplink.gateway_source}){lost}"))
    rows += [(one.interface, "unresolved", f"IPv{one.family.value}: {one.why}") for one in plan.unresolved]
    named = {row[0] for row in rows}
    rows += [(other.interface, "no uplink", other.why) for other in plan.others if other.interface not in named]
    yield from table(rows)


def _lost(link: Link | None) -> str:
    """Why answers cannot leave by an uplink for the moment, whatever the rules say."""
    if link is None or (link.is_up and "LOWER_UP" in link.flags):
        return ""
    return ", without carrier now" if link.is_up else ", down now"


def host_row(detection: Detection, changes: Changes, *, name: str, written: bool) -> tuple[str, ...]:
    """One of several hosts in a line: name, verdict, and the backend with the number of files.
    ``name`` stands for a host whose snapshot has none."""
    wrong, pending = len(detection.problems), len(changes.pending)
    verdict = f"{wrong} wrong answer{'s' * (wrong != 1)}" if wrong else "nothing wrong"
    if detection.plan.nothing_to_do:
        verdict = "nothing to do"
    if detection.plan.unresolved:
        verdict += f", {len(detection.plan.unresolved)} without a next hop"
    files = f"{pending} file{'s' * (pending != 1)} {'written' if written else 'to write'}" if pending else ""
    backends = ", ".join(sorted({use.name for use in detection.backends}))
    return (detection.plan.hostname or name, verdict, "  ".join(filter(None, (backends, files))))


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Lines in which the first two columns are as wide as they must be."""
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    for first, second, *rest in rows:
        yield f"  {first:<{widths[0]}}  {second:<{widths[1]}}  {'  '.join(rest)}".rstrip()


def _problems(detection: Detection) -> Iterator[str]:
    yield "What is wrong today"
    if not detection.problems:
        yield "  nothing: every answer leaves as it should"
    for group in detection.problems.groups:
        ways = [(*ways, _some_of(destinations)) for ways, destinations in group.by_way().items()]
        for source in group.sources:
            for actual, expected, asked in ways:
                yield f"  answers from {source} leave by {actual}, should leave by {expected}"
                yield f"    (asked for: {asked})"


def _some_of(destinations: Sequence[Address]) -> str:
    more = len(destinations) - DESTINATIONS_SHOWN
    return ", ".join(map(str, destinations[:DESTINATIONS_SHOWN])) + (f" and {more} more" if more > 0 else "")


def _plan(detection: Detection) -> Iterator[str]:
    yield "Plan"
    rows = []
    for uplink in detection.plan.uplinks:
        if uplink.family in detection.plan.active:
            last = uplink.priority + PRIORITIES_EACH - 1
            sources = ", ".join(str(source) for source in uplink.sources)
            numbers = f"table {uplink.table}, priorities {uplink.priority}-{last}"
            rows.append((uplink.interface, f"IPv{uplink.family.value}", f"{numbers}, for {sources}"))
    yield from table(rows)
    for member in detection.state.groups:
        yield f"  {member.interface}: device group {member.group}"
    for setting in detection.state.sysctls:
        yield f"  {setting.key} = {setting.value} (was {setting.before}): {setting.why}"


def _backends(detection: Detection) -> Iterator[str]:
    yield "Backends"
    yield from table([(use.name, ", ".join(use.interfaces), use.why) for use in detection.backends])


def _files(changes: Changes) -> Iterator[str]:
    if not changes.files:
        return
    yield "Files"
    yield from table([(change.action.value, str(change.path), change.why) for change in changes.files])
    for change in changes.pending:
        if change.diff:
            yield ""
            yield from change.diff.rstrip("\n").split("\n")


def _notes(detection: Detection) -> Iterator[str]:
    if detection.notes:
        yield "Notes"
        yield from (f"  {note}" for note in detection.notes)
