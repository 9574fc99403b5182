"""A process that outlives the terminal and the SSH session: it puts the old state back when nobody confirms.

Where systemd runs, it is a transient service (systemd-run(1)), which no session's end can reach; elsewhere a process in
a session of its own, with nothing of the terminal's open.
"""

from __future__ import annotations

import os
import syslog
import time
from collections.abc import Sequence

from asymgen.system.commands import Runner

PATIENCE = 10.0
"""Seconds that a guard may take to start."""


def start_guard(run: Runner, argv: Sequence[str], *, token: str, by_systemd: bool) -> None:
    """Start ``argv`` detached. Raises CommandFailedError where it cannot be started."""
    if by_systemd and run.has("systemd-run"):
        unit = f"asymgen-apply-{token}"
        run.run(["systemd-run", "--quiet", "--collect", f"--unit={unit}", "--property=KillMode=process", "--", *argv])
        return
    run.detach(argv)


def sleep_until(deadline: float) -> None:
    """``deadline`` as :func:`now` counts."""
    while (rest := deadline - now()) > 0:
        time.sleep(min(rest, 1.0))


def now() -> float:
    """Seconds since the boot, those of a suspended machine included: an uplink that is away then is not confirmed."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def who() -> str:
    """Who runs this, for the next one who finds it running: the login behind sudo, and the terminal."""
    user = os.environ.get("SUDO_USER") or os.environ.get("LOGNAME") or f"uid {os.getuid()}"
    terminal = os.ttyname(0) if os.isatty(0) else ""
    return f"{user}, pid {os.getpid()}" + (f", on {terminal}" if terminal else "")


def tell_syslog(message: str) -> None:
    """For the one who comes back after the session was lost."""
    syslog.openlog("asymgen", 0, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_WARNING, message)
