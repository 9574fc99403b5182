"""Which packages a host's files need, in the words of each format. Pure."""

from __future__ import annotations

from asymgen.backends import BACKENDS, networkd, networkmanager
from asymgen.detection import Detection
from asymgen.model import KernelState, RuleAction

_ERRORS = (RuleAction.UNREACHABLE, RuleAction.BLACKHOLE, RuleAction.PROHIBIT)
_RPM_NAMES = {
    "iproute": "(iproute or iproute2)",  # SUSE has Debian's name
    "systemd-networkd": "(systemd-networkd >= {0} or systemd-network >= {0})",
}


def depends(detection: Detection, form: str) -> tuple[str, ...]:
    """Dependencies for ``deb`` or ``rpm``, with the versions that the plan needs."""
    names = [name for use in detection.backends for name in BACKENDS[use.name].depends(detection.state, form)]
    names.append("iproute2" if form == "deb" else "iproute")  # the check asks it, whoever configures
    since = networkd_since(detection.state) if networkd.NAME in [use.name for use in detection.backends] else 0
    return tuple(sorted({_versioned(name, form, since) for name in names}))


def networkd_since(state: KernelState) -> int:
    """The oldest systemd whose networkd has the keys that ``state`` needs: systemd.network(5)."""
    needed = [networkd.OLDEST]
    for rule in state.rules:
        needed += [networkd.SUPPRESS_PREFIXLENGTH] * (rule.suppress_prefixlength is not None)
        needed += [networkd.SUPPRESS_GROUP] * (rule.suppress_group is not None)
        needed += [networkd.RULE_TYPE] * (rule.action in _ERRORS)
        needed += [networkd.GOTO] * (rule.action is RuleAction.GOTO)
    return max(needed)


def _versioned(name: str, form: str, since: int) -> str:
    if form == "deb":
        if name == "systemd":
            return f"systemd (>= {since})"
        # Since then it reads /usr/lib/NetworkManager/dispatcher.d.
        return f"{name} (>= 1.20)" if name == "network-manager" else name
    if name == networkmanager.MANAGER:
        return f"{name} >= 1.20"
    return _RPM_NAMES.get(name, name).format(since)
