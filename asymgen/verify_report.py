"""Findings as text for people, and as documents for programs and monitoring. Pure.

Sources: Monitoring Plugins' development guidelines (one line, then details; performance data behind a bar);
Prometheus' text exposition format 0.0.4 (escapes in label values).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from asymgen.findings import Finding, Severity, is_wrong

SCHEMA = 1
SHOWN_IN_A_LINE = 3


def to_text(findings: Sequence[Finding], *, host: str) -> str:
    """One paragraph each, the worst first, and a verdict."""
    return "\n".join([*_paragraphs(findings), verdict(findings, host=host)]) + "\n"


def _paragraphs(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"{finding.severity.word}: {finding.what}"
        yield f"  why it matters: {finding.why}"
        yield f"  what to do: {finding.do}"
        yield ""


def verdict(findings: Sequence[Finding], *, host: str) -> str:
    """One line."""
    counts = Counter(finding.severity for finding in findings)
    name = host or "this host"
    if not is_wrong(findings):
        notes = counts[Severity.INFO]
        return f"{name}: every answer leaves as it should" + (f" ({notes} worth knowing)" if notes else "")
    return f"{name}: {_count(counts[Severity.ERROR], 'error')}, {_count(counts[Severity.WARNING], 'warning')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def to_document(findings: Sequence[Finding], *, host: str) -> dict[str, Any]:
    """The document of ``--format json``: docs/verify.schema.json."""
    return {
        "schema": SCHEMA,
        "host": host,
        "ok": not is_wrong(findings),
        "findings": [finding_document(each) for each in findings],
    }


def finding_document(each: Finding) -> dict[str, str]:
    """One finding, as every document has it."""
    return {"severity": each.severity.word, "check": each.check, "what": each.what, "why": each.why, "do": each.do}


def to_nagios(findings: Sequence[Finding], *, host: str) -> str:
    """A plugin's output. The word is that of the exit code: 0 is OK, 1 is WARNING (docs/decisions/0006)."""
    counts = Counter(finding.severity for finding in findings)
    word = "WARNING" if is_wrong(findings) else "OK"
    worst = [_plain(finding.what) for finding in findings if finding.severity > Severity.INFO]
    told = "; ".join(worst[:SHOWN_IN_A_LINE]) or _plain(verdict(findings, host=host))
    more = f" and {len(worst) - SHOWN_IN_A_LINE} more" if len(worst) > SHOWN_IN_A_LINE else ""
    data = " ".join(f"{severity.word}s={counts[severity]};;;0" for severity in (Severity.ERROR, Severity.WARNING))
    return "\n".join([f"ASYMGEN {word} - {told}{more} | {data}", *worst[SHOWN_IN_A_LINE:]]) + "\n"


def _plain(text: str) -> str:
    """A bar begins the performance data, a line end the details."""
    return text.replace("|", "/").replace("\n", " ")


def to_prometheus(findings: Sequence[Finding]) -> str:
    """Metrics for node_exporter's textfile collector: a gauge per severity, and one per finding."""
    counts = Counter(finding.severity for finding in findings)
    lines = [
        "# HELP asymgen_ok Whether every answer leaves by the uplink of its source (1) or not (0).",
        "# TYPE asymgen_ok gauge",
        f"asymgen_ok {int(not is_wrong(findings))}",
        "# HELP asymgen_findings What `asymgen verify` found, by severity.",
        "# TYPE asymgen_findings gauge",
        *(f'asymgen_findings{{severity="{each.word}"}} {counts[each]}' for each in sorted(Severity, reverse=True)),
    ]
    told = [finding for finding in findings if finding.severity > Severity.INFO]
    if told:
        lines.append("# HELP asymgen_finding_info One error or warning; `asymgen verify` says what to do.")
        lines.append("# TYPE asymgen_finding_info gauge")
    for each in told:
        labels = (("severity", each.severity.word), ("check", each.check), ("what", each.what))
        pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
        lines.append(f"asymgen_finding_info{{{pairs}}} 1")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
