"""What a check found: one thing each, with its severity, why it matters and what to do. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from asymgen.records import record


class Severity(enum.IntEnum):
    """How bad: an ERROR breaks the promise now, a WARNING will (or on the next event), INFO is worth knowing."""

    INFO = 0
    WARNING = 1
    ERROR = 2

    @property
    def word(self) -> str:
        return self.name.lower()


@record
class Finding:
    """``check`` is a stable name for programs (``rule-missing``); ``what`` names the thing and what was found, ``why``
    says what follows, ``do`` the next step."""

    severity: Severity
    check: str
    what: str
    why: str
    do: str


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first, each once; within a severity as they were found."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: -finding.severity))


def is_wrong(findings: Iterable[Finding]) -> bool:
    """Whether anything is more than worth knowing."""
    return any(finding.severity > Severity.INFO for finding in findings)
