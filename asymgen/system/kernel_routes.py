"""Asks the running kernel which way packets take: ``ip route get``, many questions by one process."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Sequence
from typing import Any

from asymgen.errors import CommandFailedError
from asymgen.model import Address, Family
from asymgen.records import record
from asymgen.system.commands import Runner

Asked = tuple["Address | None", Address]
"""Source and destination; without a source the kernel chooses one."""


@record
class Told:
    """The answer to one question: ``way`` is (interface, gateway), or None with ip(8)'s ``error`` in words; ``chosen``
    is the source address that the kernel names, if it does."""

    source: Address | None
    destination: Address
    way: tuple[str, Address | None] | None
    chosen: Address | None = None
    error: str = ""


def ask_kernel(run: Runner, questions: Iterable[Asked]) -> tuple[Told, ...]:
    """The kernel's answer to each of ``questions``, in order within a family. Raises CommandFailedError."""
    told: list[Told] = []
    by_family: dict[Family, list[Asked]] = {}
    for question in questions:
        by_family.setdefault(Family(question[1].version), []).append(question)
    for family, asked in by_family.items():
        told += _ask(run, family, asked)
    return tuple(told)


def _ask(run: Runner, family: Family, asked: Sequence[Asked]) -> list[Told]:
    lines = "".join(map(_question, asked))
    result = run.run(["ip", "-j", f"-{family}", "-force", "-batch", "-"], check=False, input=lines)
    failed = _failures(result.stderr)
    shown = iter([line for line in result.stdout.splitlines() if line.strip()])
    return [
        Told(*question, None, error=failed[number]) if number in failed else _told(question, next(shown, ""))
        for number, question in enumerate(asked, start=1)
    ]


def _question(asked: Asked) -> str:
    source, destination = asked
    return f"route get {destination}{'' if source is None else f' from {source}'}\n"


def _failures(text: str) -> dict[int, str]:
    """``ip -batch`` says the reason first, then ``Command failed -:3``."""
    failed = {}
    reason = ""
    for line in text.splitlines():
        if line.startswith("Command failed -:"):
            failed[int(line.rpartition(":")[2])] = reason
        else:
            reason = line.rpartition(": ")[2]
    return failed


def _told(question: Asked, line: str) -> Told:
    try:
        answer: dict[str, Any] = json.loads(line)[0]
        via = _address(answer.get("gateway") or answer.get("via", {}).get("host"))
        return Told(*question, (str(answer["dev"]), via), _address(answer.get("prefsrc")))
    except (ValueError, LookupError, AttributeError, TypeError) as problem:
        raise CommandFailedError(f"ip -j route get: no answer that can be read: {line[:80]!r}") from problem


def _address(text: str | None) -> Address | None:
    return None if text is None else ipaddress.ip_address(text)
