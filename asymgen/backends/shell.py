"""What ifupdown and sysv share: one script that holds the plan as plain ip(8) commands.

The script's logic is ``templates/shell/logic.sh.j2``; this module says what stands in its plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from asymgen import templating
from asymgen.errors import UnsupportedError
from asymgen.iproute2 import network_word, route_words, rule_words
from asymgen.model import (
    PROTOCOL,
    Capabilities,
    Family,
    Followed,
    Host,
    InterfaceAddress,
    KernelState,
    Placement,
    Sysctl,
    Uplink,
    UplinkState,
)
from asymgen.prefixes import single_address
from asymgen.records import record

# Distant hosts to ask about: AS112's anycast servers (RFC 7534, 7535), nobody's own network.
_DISTANT = {Family.IPV4: "192.175.48.1", Family.IPV6: "2620:4f:8000::1"}


@record
class Section:
    """One uplink in one family: comments for the reader, and its commands; rules in the kernel's order, so that a
    script may compare them as they are. ``moving`` is what was live when it was planned (``GATEWAY ADDRESS=PREFIX
    …``), where the script must follow what is live later."""

    interface: str
    family: Family
    comments: tuple[str, ...]
    routes: tuple[str, ...]
    rules: tuple[str, ...]
    questions: tuple[str, ...]
    moving: str


@record
class Settings:
    """Commands that belong to the host: device groups and kernel settings."""

    groups: tuple[str, ...]
    sysctls: tuple[str, ...]


ROUTING = {Placement.ADMIN: "/usr/local/lib/asymgen/routing", Placement.VENDOR: "/usr/libexec/asymgen/routing"}
"""The script that the service of sysv.py runs."""

SERVICE = {Placement.ADMIN: "asymgen.service", Placement.VENDOR: "asymgen-config.service"}
"""That service."""

WATCHER = {
    Placement.ADMIN: "/usr/local/lib/asymgen/asymgen-watch",
    Placement.VENDOR: "/usr/libexec/asymgen/asymgen-watch",
}
"""Where the script of watcher.py lies: those of the backends start and stop it."""


def _version(text: str) -> tuple[int, ...] | None:
    """The numbers at the start of a version; None where it is not known."""
    numbers = re.match(r"\D*(\d+(?:\.\d+)*)", text)
    return tuple(int(number) for number in numbers.group(1).split(".")) if numbers else None


def is_older(text: str, wanted: tuple[int, ...]) -> bool:
    """Whether ``text`` starts with a version before ``wanted``; an unknown one is not older."""
    found = _version(text)
    return found is not None and found < wanted


def _iproute2_lacks_protocol(text: str) -> bool:
    """Whether ip(8) is older than 4.17; up to 5.3 it says the date of its snapshot (``ss180605``)."""
    dated = re.search(r"ss(\d{6})", text)
    return dated.group(1) < "180600" if dated else is_older(text, (4, 17))


def capabilities(host: Host) -> Capabilities:
    """What ip(8) and the kernel of ``host`` can express; an unknown version can do everything.

    Rule protocol: kernel and iproute2 4.17; suppressors: kernel 3.12, and RHEL 7's 3.10, which was
    given them; goto: 2.6.19, so always.
    """
    suppressors = not is_older(host.kernel, (3, 12)) or ".el7" in host.kernel
    protocol = not is_older(host.kernel, (4, 17)) and not _iproute2_lacks_protocol(host.iproute2)
    return Capabilities(suppress_prefixlength=suppressors, suppress_ifgroup=suppressors, rule_protocol=protocol)


def refuse_names(state: KernelState) -> None:
    """Refuse names of interfaces that ``ip -batch`` cannot carry: it knows comments and quotes, no escapes."""
    named = {leg for route in state.routes for leg in route.interfaces}
    named |= {name for rule in state.rules for name in (rule.iif, rule.oif) if name is not None}
    named |= {member.interface for member in state.groups} | {each.uplink.interface for each in state.uplinks}
    named |= {each.interface for each in state.watched} | {each.interface for each in state.followed}
    for name in sorted(named):
        if "#" in name or name[:1] in ("'", '"') or re.search(r"[\s\x00-\x1f\x7f/]", name):
            raise UnsupportedError(
                f"interface {name!r}: ip -batch cannot carry '#', a leading quote or a control character",
                hint="rename the interface, or leave it out with --exclude",
            )


def _via(uplink: Uplink) -> str:
    if uplink.gateway is None:
        return ""
    # Of the other family: ip(8) prints "via inet6 fe80::1" for an IPv4 route.
    other = "" if uplink.gateway.version == uplink.family else f"inet{'6' * (uplink.family is Family.IPV4)} "
    return f"via {other}{uplink.gateway} "


@record
class Question:
    """What the kernel must say of the way from ``source`` to a distant host."""

    family: Family
    destination: str
    source: str
    answer: str


def questions(uplink: Uplink) -> Iterable[Question]:
    """What ``check`` asks: each lasting address, with the answer that is right."""
    answer = _right_answer(uplink)
    return (Question(uplink.family, _DISTANT[uplink.family], source, answer) for source in _lasting(uplink))


def _question_commands(uplink: Uplink) -> Iterable[str]:
    asked, answer = f"ip -{uplink.family:d} route get {_DISTANT[uplink.family]}", _right_answer(uplink)
    return (f"{asked} from {source}  # must say: {answer}" for source in _lasting(uplink))


def _lasting(uplink: Uplink) -> Iterable[str]:
    for each, text in zip(uplink.addresses, uplink.address_texts):
        if not (each.temporary or each.tentative or each.deprecated or each.expired):
            yield text


def _right_answer(uplink: Uplink) -> str:
    return f"{_via(uplink)}dev {uplink.interface}"


def moves(state: KernelState, uplink: Uplink) -> bool:
    """Whether DHCP, RA or PPP may give ``uplink`` other addresses. Not where one interface has two gateways:
    which address is whose cannot be told without a plan."""
    same = [
        each
        for each in state.uplinks
        if (each.uplink.interface, each.uplink.family) == (uplink.interface, uplink.family)
    ]
    return (uplink.dynamic or uplink.gateway is None) and len(same) == 1 and bool(uplink.addresses)


def followed(state: KernelState, capabilities: Capabilities, script: str) -> tuple[Followed, ...]:
    """Interfaces of ``state`` whose addresses move without an event that the backend hears; ``script`` is the one
    that has to be told."""
    unheard = (each.uplink for each in state.uplinks if _is_unheard(each, capabilities))
    return tuple(dict.fromkeys(Followed(uplink.interface, script) for uplink in unheard if moves(state, uplink)))


def _is_unheard(state: UplinkState, capabilities: Capabilities) -> bool:
    if state.uplink.family in capabilities.unheard:
        return True
    sources = {rule.source for rule in state.rules}
    return capabilities.unheard_temporary and any(
        address.temporary and single_address(address.address) in sources for address in state.uplink.addresses
    )


def _moving(uplink: Uplink, *, keeps_gateway: bool) -> str:
    """The planned words. A gateway that a person gave stays, whatever DHCP says: "-", like no gateway."""
    given = keeps_gateway or uplink.gateway_source.startswith("--gateway")
    gateway = "-" if given or uplink.gateway is None else str(uplink.gateway)
    return " ".join([gateway, *(f"{each.address}={_prefix_of(uplink, each)}" for each in uplink.addresses)])


def _prefix_of(uplink: Uplink, address: InterfaceAddress) -> str:
    inside = [prefix for prefix in uplink.prefixes if address.address in prefix]
    longest = max(inside, key=lambda prefix: prefix.prefixlen, default=address.network)
    return network_word(longest if address.peer is None else address.network)


def _section(state: UplinkState, *, protocol: bool, moving: bool, keeps_gateway: bool) -> Section:
    uplink = state.uplink
    version = f"ip -{uplink.family:d}"
    way = f"gateway {uplink.gateway}" if uplink.gateway is not None else "the interface itself is the way"
    rules = sorted(state.rules, key=lambda rule: rule.priority)
    role = "the primary uplink" if uplink.primary else "an uplink"
    return Section(
        interface=uplink.interface,
        family=uplink.family,
        comments=(
            f"{uplink.interface}, IPv{uplink.family:d}: {role}, table {uplink.table}, {way} ({uplink.gateway_source})",
        ),
        routes=tuple(f"{version} route replace {' '.join(route_words(route))}" for route in state.routes),
        rules=tuple(f"{version} rule add {' '.join(rule_words(rule, protocol=protocol))}" for rule in rules),
        questions=tuple(_question_commands(uplink)),
        moving=_moving(uplink, keeps_gateway=keeps_gateway) if moving else "",
    )


def sysctl_command(sysctl: Sysctl) -> str:
    """``echo`` into /proc/sys, with the value to restore as a comment."""
    return f"echo {sysctl.value} >/proc/sys/{sysctl.key}  # {sysctl.before}"


def settings(state: KernelState) -> Settings:
    """Groups and sysctls as commands."""
    return Settings(
        groups=tuple(f"ip link set dev {member.interface} group {member.group}" for member in state.groups),
        sysctls=tuple(sysctl_command(sysctl) for sysctl in state.sysctls),
    )


def script(
    template: str,
    state: KernelState,
    host: Host,
    *,
    path: str,
    role: str,
    files: tuple[str, ...],
    placement: Placement = Placement.ADMIN,
    keeps_gateways: bool = False,
    **values: object,
) -> str:
    """``template`` with the plan of ``state``. ``path`` is its own, ``files`` what an undo deletes;
    ``keeps_gateways``: somebody else follows them."""
    refuse_names(state)
    protocol = capabilities(host).rule_protocol
    sections = tuple(
        _section(each, protocol=protocol, moving=moves(state, each.uplink), keeps_gateway=keeps_gateways)
        for each in state.uplinks
    )
    return templating.render(
        template,
        state=state,
        host=host,
        path=path,
        role=role,
        files=files,
        protocol=PROTOCOL,
        rule_protocol=protocol,
        sections=sections,
        moving=any(section.moving for section in sections),
        settings=settings(state),
        groups=tuple(dict.fromkeys(member.group for member in state.groups)),
        watchers=tuple(WATCHER.values()),
        vendor=placement is Placement.VENDOR,
        **values,
    )


def watch_script(
    state: KernelState, host: Host, *, path: str, files: tuple[str, ...], placement: Placement, **values: object
) -> str:
    """The script of asymgen-watch, which places jumps by the same functions as the scripts with a plan."""
    refuse_names(state)
    return templating.render(
        "watch/watch.sh.j2",
        state=state,
        host=host,
        path=path,
        files=files,
        protocol=PROTOCOL,
        rule_protocol=capabilities(host).rule_protocol,
        vendor=placement is Placement.VENDOR,
        **({} if state.watched else {"asks_nothing": True}),
        **values,
    )
