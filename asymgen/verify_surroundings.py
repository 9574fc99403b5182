"""What is around the rules and decides whether they last: files, managers, kernel settings, sockets. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from asymgen.changes import Action, Changes
from asymgen.detection import Detection
from asymgen.findings import Finding, Severity
from asymgen.model import Family, Host, Plan
from asymgen.rivals import find_rivals

CLIENT_PORTS = frozenset({67, 68, 123, 546, 547, 5353, 5355})
"""UDP ports whose wildcard sockets answer nobody's requests by unicast: DHCP, NTP clients, mDNS, LLMNR."""

MANAGES_FOREIGN = {"rules": "ManageForeignRoutingPolicyRules", "routes": "ManageForeignRoutes"}
"""Settings of networkd.conf(5) by what the daemon removes where they are not "no"."""


def surroundings(detection: Detection, changes: Changes | None) -> Iterator[Finding]:
    """Everything that is not rules and routes."""
    host, plan = detection.host, detection.plan
    if changes is not None:
        yield from _files(changes)
    yield from _managers(detection)
    yield from _reverse_path(host, plan)
    yield from _sockets(host, plan)
    yield from _static(detection)


def _files(changes: Changes) -> Iterator[Finding]:
    for change in changes.pending:
        if change.action is Action.CONFLICT:
            yield Finding(
                Severity.WARNING, "file-changed", f"{change.path}: {change.why}",
                "what it does at the next boot is not what was planned",
                "compare with `asymgen detect`; `detect --write --force` makes it as planned and keeps a backup",
            )  # fmt: skip
        elif change.action is Action.DELETE:
            yield Finding(
                Severity.WARNING, "file-stale", f"{change.path} is not part of the plan any more",
                "it goes on setting an old plan's rules", "`asymgen detect --write` takes it away",
            )  # fmt: skip
        else:
            missing = change.action is Action.CREATE
            yield Finding(
                Severity.WARNING, "file-missing" if missing else "file-stale",
                f"{change.path} {'is not there' if missing else 'is of an earlier plan'}: {change.why}",
                "the next boot or link flap brings another state", "`asymgen detect --write`",
            )  # fmt: skip


def _managers(detection: Detection) -> Iterator[Finding]:
    for use in detection.backends:
        if use.name == "sysv":
            yield Finding(
                Severity.INFO, "no-event", f"{', '.join(use.interfaces)}: the sysv backend hears nothing of link flaps",
                "a link that goes down and up loses its routes until the service is restarted",
                "`service asymgen restart` then; or a backend with events, where the host has one",
            )  # fmt: skip
    if any(use.name != "systemd-networkd" for use in detection.backends):
        for what in sorted(MANAGES_FOREIGN.keys() & set(detection.host.managers.networkd_removes)):
            key = MANAGES_FOREIGN[what]
            yield Finding(
                Severity.WARNING, "networkd-removes", f"systemd-networkd runs and removes {what} of others: {key}=yes",
                f"when it is restarted or configures a link, our {what} go",
                f"`{key}=no` below [Network] in a file of /etc/systemd/networkd.conf.d that sorts last",
            )  # fmt: skip
    for rival in find_rivals(detection.host):
        yield Finding(
            Severity.WARNING, "rival", f"{rival.name} is on this host",
            f"it {rival.why}", rival.what_to_do,
        )  # fmt: skip


def _reverse_path(host: Host, plan: Plan) -> Iterator[Finding]:
    interfaces = dict.fromkeys(up.interface for up in plan.uplinks if up.family is Family.IPV4)
    strict = [name for name in interfaces if _largest(host, name, "rp_filter") == 1]
    marked = [rule for rule in host.rules if rule.family is Family.IPV4 and rule.mark]
    for name in strict:
        if marked and _largest(host, name, "src_valid_mark") != 1:
            yield Finding(
                Severity.WARNING, "src-valid-mark",
                f"{name}: rp_filter is strict, rules select by fwmark, and src_valid_mark is 0",
                "the reverse lookup of a marked flow is done without its mark: its packets may be dropped",
                f"`sysctl -w net/ipv4/conf/{name}/src_valid_mark=1`, or rp_filter=2",
            )  # fmt: skip
    if strict:
        yield Finding(
            Severity.INFO, "rp-filter", f"rp_filter is strict on {', '.join(strict)}",
            "a request for one uplink's address that arrives by another is dropped before any rule is asked",
            "nothing, if providers deliver each address by its own uplink; else rp_filter=2",
        )  # fmt: skip


def _largest(host: Host, interface: str, setting: str) -> int:
    """The kernel takes the larger of ``all`` and the interface's value (ip-sysctl)."""
    values = (host.sysctls.get(f"net/ipv4/conf/{name}/{setting}", "") for name in ("all", interface))
    return max((int(value) for value in values if value.isdigit()), default=0)


def _sockets(host: Host, plan: Plan) -> Iterator[Finding]:
    ports = sorted({port for family, port in host.udp_wildcards if family in plan.active} - CLIENT_PORTS)
    if ports:
        yield Finding(
            Severity.INFO, "udp-wildcard", f"UDP sockets bound to no address: port {', '.join(map(str, ports))}",
            "such a server answers from the address that the kernel chooses, not from the one that was asked: routing "
            "cannot cure that",
            "bind it to each address (`ss -ulpn` names it), unless it sets the source itself (IP_PKTINFO)",
        )  # fmt: skip


def _static(detection: Detection) -> Iterator[Finding]:
    for note in (*detection.state.notes, *detection.host.notes):
        yield Finding(
            Severity.INFO, "note", note, "what is static or could not be seen is not watched by the kernel",
            "run `asymgen detect` again after such a change",
        )  # fmt: skip
