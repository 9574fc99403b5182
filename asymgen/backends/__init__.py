"""The backends, and which one an interface gets."""

from __future__ import annotations

from collections.abc import Mapping

from asymgen.backends import ifupdown, sysv
from asymgen.backends.base import Backend
from asymgen.errors import UnsupportedError, UsageError
from asymgen.model import Fit, FitReason, Host

# The order breaks ties: what has an event for a link that comes up stands before what has none.
BACKENDS: dict[str, Backend] = {
    ifupdown.NAME: ifupdown,
    sysv.NAME: sysv,
}

# Both run the same script, which takes every rule of protocol 97 for its own: two would undo each other's.
_SHELL = frozenset({ifupdown.NAME, sysv.NAME})


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


def assign(host: Host, interfaces: tuple[str, ...], asked: Mapping[str, str]) -> dict[str, tuple[Backend, FitReason]]:
    """``choose`` for all uplinks of a host; at most one backend of them is a shell script.

    Where two were chosen and none was asked for, ``sysv`` takes all: it needs nobody's hooks.
    """
    chosen = {interface: choose(host, interface, asked) for interface in interfaces}
    shells = {backend.NAME for backend, _ in chosen.values()} & _SHELL
    if len(shells) < 2:
        return chosen
    if _SHELL & set(asked.values()):
        raise UsageError(
            f"{' and '.join(sorted(shells))} cannot share a host: each would remove the other's rules",
            hint="name one of them for all interfaces: --backend sysv",
        )
    why = FitReason(Fit.INSTALLED, "one script for the host, and not every interface is brought up by ifupdown")
    return {
        interface: (sysv, why) if backend.NAME in _SHELL else (backend, reason)
        for interface, (backend, reason) in chosen.items()
    }
