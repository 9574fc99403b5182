"""What others' rules ask of the plan: what to repeat, where to jump, and whether a watcher must follow. Pure.

routing.md, "The kernel state" (jump, conditional rules of others); docs/decisions/0007 and 0008.
"""

from __future__ import annotations

from collections.abc import Sequence

from asymgen.foreign import bypassed_rules, find_tunnel, foreign_rules, is_catch_all, jump_over
from asymgen.model import RESERVED_TABLES, Family, Host, Jump, Kept, Rule, Uplink
from asymgen.records import record


@record
class Ahead:
    """``watch``: why jumps must follow what others do later, "" where nothing says so; ``watch_routes``: a route
    alone may make a tunnel of a table."""

    repeats: tuple[Rule, ...]
    jumps: tuple[Jump, ...]
    watch: str
    watch_routes: bool
    notes: tuple[str, ...]


def plan_ahead(host: Host, working: Sequence[Uplink], kept: Kept, *, asked: bool) -> Ahead:
    """For the uplinks that have rules; ``asked`` is ``--ahead``."""
    watch = kept.watch or _why_watch(host, working, kept, asked=asked)
    repeats, jumps, crowded = _jumps(host, working, kept, watched=bool(watch))
    watch_routes = bool(watch) and _may_become_tunnel(host, kept)
    return Ahead(repeats, jumps, watch, watch_routes, (*_watch_notes(watch), *crowded))


def _interfaces(working: Sequence[Uplink], family: Family) -> set[str]:
    return {uplink.interface for uplink in working if uplink.family is family}


def _why_watch(host: Host, working: Sequence[Uplink], kept: Kept, *, asked: bool) -> str:
    """Why jumps must follow what others do later; "" where nothing says so."""
    if asked or not working:
        return "--ahead says so" if asked and working else ""
    for link in host.links:
        if link.kind == "wireguard":
            return f"{link.name} is a WireGuard interface, and wg-quick puts its rules ahead of all others"
    for family in dict.fromkeys(uplink.family for uplink in working):
        tunnel = find_tunnel(host, foreign_rules(host, family, kept), _interfaces(working, family))
        if tunnel is not None:
            return f"a rule leads everything into the tunnel of table {tunnel.table}"
    return ""


def _may_become_tunnel(host: Host, kept: Kept) -> bool:
    """Whether a rule asks a table for everything: a default that comes into it later is no change of a rule
    (Tailscale's 5270, when an exit node is chosen)."""
    foreign = (rule for family in Family for rule in foreign_rules(host, family, kept))
    return any(rule.is_unconditional and is_catch_all(rule) and rule.table not in RESERVED_TABLES for rule in foreign)


def _jumps(
    host: Host, working: Sequence[Uplink], kept: Kept, *, watched: bool
) -> tuple[tuple[Rule, ...], tuple[Jump, ...], tuple[str, ...]]:
    """What to repeat, the jumps as of now, and notes where no jump fits. ``watched``: a jump may come to stand
    before every rule of others later, which then are bypassed."""
    repeats: list[Rule] = []
    jumps: list[Jump] = []
    notes: list[str] = []
    for family in dict.fromkeys(uplink.family for uplink in working):
        rules = foreign_rules(host, family, kept)
        first = min(uplink.priority for uplink in working if uplink.family is family)
        over = find_tunnel(host, rules, _interfaces(working, family))
        jump = None if over is None else jump_over(over)
        repeats += bypassed_rules(rules, start=1 if watched else first)
        jumps += [jump] if jump is not None else []
        if over is not None and jump is None:
            notes.append(
                f"rule {over.priority} (table {over.table}) takes IPv{family:d} answers into its tunnel, and no jump "
                "fits before it: move the rules that stand at the first priorities, or give the tunnel's rules "
                'priorities (wg-quick: "Table = off" and PostUp)'
            )
    return tuple(repeats), tuple(jumps), tuple(notes)


def _watch_notes(watch: str) -> list[str]:
    what = "asymgen-watch, one of the files, keeps answers ahead of rules that take everything into a tunnel"
    return [f"{watch}: {what}; `asymgen commands` does so as of now"] if watch else []
