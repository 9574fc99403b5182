"""Whose rule is it? asymgen's own by their part in the plan, others by the marks that tools leave. Pure.

Sources: include/uapi/linux/rtnetlink.h (protocols); the bands of :data:`asymgen.numbers.BANDS`; wg-quick(8).
"""

from __future__ import annotations

from asymgen.iproute2 import rule_words
from asymgen.model import (
    TABLE_DEFAULT,
    TABLE_LOCAL,
    TABLE_MAIN,
    Host,
    Kept,
    KernelState,
    Rule,
    RuleAction,
    Uplink,
)
from asymgen.numbers import BANDS, is_ours, is_present

KERNEL_RULES = {(0, TABLE_LOCAL), (32766, TABLE_MAIN), (32767, TABLE_DEFAULT)}
"""(priority, table) of the rules that every network namespace begins with."""

PROTOCOLS = {
    2: "the kernel", 3: "ip(8), typed or from a script", 4: "a network manager or its administrator (static)",
    9: "a router advertisement", 16: "a DHCP client", 18: "keepalived", 42: "babel", 186: "a BGP daemon",
    187: "an IS-IS daemon", 188: "an OSPF daemon", 189: "a RIP daemon", 192: "an EIGRP daemon",
}  # fmt: skip


class Owners:
    """Who set up which rule of ``host``; ``state`` is what asymgen plans for it."""

    def __init__(self, host: Host, state: KernelState, kept: Kept) -> None:
        self._kept = kept
        self._bands = [band for band in BANDS if is_present(host, band)]
        self._parts = {
            (rule.family, rule_words(rule, protocol=False)): _part(rule, each.uplink)
            for each in state.uplinks
            for rule in each.rules
        }

    def of(self, rule: Rule) -> str:
        """The owner in words; never empty."""
        part = self._parts.get((rule.family, rule_words(rule, protocol=False)))
        if part is not None:
            return f"asymgen: {part}"
        if is_ours(rule, self._kept):
            return "asymgen, of an earlier plan"
        if (rule.priority, rule.table) in KERNEL_RULES and rule.is_unconditional:
            return "the kernel's own"
        return self._others(rule)

    def _others(self, rule: Rule) -> str:
        if rule.l3mdev:
            return "the kernel's rule for VRFs"
        if _is_wg_quick(rule):
            return "probably wg-quick"
        for band in self._bands:
            if any(first <= rule.priority <= last for first, last in band.priorities):
                return f"probably {band.owner}"
        return PROTOCOLS.get(rule.protocol, f"protocol {rule.protocol}" if rule.protocol else "unknown")


def _part(rule: Rule, uplink: Uplink) -> str:
    """What a rule of ours asks: docs/decisions/0002 has the order."""
    name = uplink.interface
    whole = rule.suppress_prefixlength is None and rule.destination is None
    parts = (
        (
            rule.action is RuleAction.GOTO and rule.priority < uplink.priority,
            f"the jump of {name} past a tunnel's rule",
        ),
        (rule.action is RuleAction.UNREACHABLE and whole, f"{name} is closed rather than left by another uplink"),
        (rule.table == TABLE_LOCAL, f"own addresses first, for {name}"),
        (rule.table == TABLE_MAIN and rule.destination is None, f"the guard of {name}: does main know better?"),
        (rule.table == TABLE_MAIN, f"networks within {name}'s subnet that are behind something else"),
        (rule.table == uplink.table and whole, f"the uplink {name}"),
        (rule.table == uplink.table, f"the own subnet of {name} first"),
    )
    return next((words for holds, words in parts if holds), f"somebody else's rule, repeated for {name}")


def _is_wg_quick(rule: Rule) -> bool:
    """``not fwmark X lookup X``, and ``lookup main suppress_prefixlength 0`` beside it."""
    by_mark = rule.inverted and rule.selectors == ("fwmark",) and rule.table == rule.mark
    beside = rule.table == TABLE_MAIN and rule.suppress_prefixlength == 0 and not rule.selectors
    return by_mark or (beside and rule.protocol in (0, 3))
