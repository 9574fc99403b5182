"""Asks the running kernel which way packets take: ``ip route get``, many questions by one process."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Sequence
from typing import Any

from asymgen.errors import CommandFailedError
from asymgen.model import Address, Family
from asymgen.system.commands import Runner

Asked = tuple[Address, Address]
"""Source and destination."""

Told = tuple[Asked, "tuple[str, Address | None] | None", str]
"""The question, the way (interface, gateway) or None, and ip(8)'s error in words."""


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
    lines = "".join(f"route get {destination} from {source}\n" for source, destination in asked)
    result = run.run(["ip", "-j", f"-{family}", "-force", "-batch", "-"], check=False, input=lines)
    failed = _failures(result.stderr)
    shown = iter([line for line in result.stdout.splitlines() if line.strip()])
    told: list[Told] = []
    for number, question in enumerate(asked, start=1):
        if number in failed:
            told.append((question, None, failed[number]))
        else:
            told.append((question, _way(next(shown, "")), ""))
    return told


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


def _way(line: str) -> tuple[str, Address | None]:
    try:
        answer: dict[str, Any] = json.loads(line)[0]
        via = answer.get("gateway") or answer.get("via", {}).get("host")
        return str(answer["dev"]), None if via is None else ipaddress.ip_address(via)
    except (ValueError, LookupError, AttributeError, TypeError) as problem:
        raise CommandFailedError(f"ip -j route get: no answer that can be read: {line[:80]!r}") from problem
