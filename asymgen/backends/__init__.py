"""The backends, and which one an interface gets."""

from __future__ import annotations

from collections.abc import Mapping

from asymgen.backends import ifupdown, networkd, networkmanager, sysv
from asymgen.backends.base import Backend
from asymgen.errors import UnsupportedError, UsageError
from asymgen.model import Fit, FitReason, Host

# The order breaks ties: what has an event for a link that comes up stands before what has none.
BACKENDS: dict[str, Backend] = {
    ifupdown.NAME: ifupdown,
    networkmanager.NAME: networkmanager,
    networkd.NAME: networkd,
    sysv.NAME: sysv,
}


def choose(host: Host, interface: str, asked: Mapping[str, str]) -> tuple[Backend, FitReason]:
    """The backend for ``interface`` and why. ``asked`` maps an interface ("" for all others) to a name."""
    if interface in asked or "" in asked:
        name = asked.get(interface) or asked[""]
        return _named(name), FitReason(Fit.MANAGES, f"--backend says {name}")
    rungs = {name: backend.fit(host, interface) for name, backend in BACKENDS.items()}
    best = max(rungs, key=lambda name: rungs[name].fit)
    if rungs[best].fit is Fit.NO:
        refusals = "; ".join(f"{name}: {reason.why}" for name, reason in rungs.items())
        hint = f"name one: --backend {interface}=NAME"
        raise UnsupportedError(f"no backend suits {interface}: {refusals}", hint=hint)
    return BACKENDS[best], rungs[best]


def _named(name: str) -> Backend:
    if name not in BACKENDS:
        raise UsageError(f"--backend {name}: there is no such backend", hint=f"known: {', '.join(BACKENDS)}")
    return BACKENDS[name]
