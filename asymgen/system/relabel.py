"""SELinux labels of files that were just written: restorecon(8), where the host has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asymgen.system.commands import Runner


def relabel_with(run: Runner) -> Callable[[Sequence[str]], None] | None:
    """A function that labels paths as the host's policy wants them, or None without restorecon."""
    if not run.has("restorecon"):
        return None
    return lambda paths: relabel(run, paths)


def relabel(run: Runner, paths: Sequence[str]) -> None:
    """Label ``paths``. Raises CommandFailedError."""
    run.run(["restorecon", *paths])
