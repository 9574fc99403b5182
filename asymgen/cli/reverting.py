"""Putting the state before an apply back: files, services, kernel. For apply, revert, the guard and the boot hook."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from asymgen.applied import Applied, restoration
from asymgen.backends.used import SERVICES, start_again
from asymgen.boot_hook import BootHook, boot_hook
from asymgen.cli.itself import itself_argv
from asymgen.errors import AsymgenError, CommandFailedError, UnsupportedError
from asymgen.model import Command, Host
from asymgen.parse import parse_host
from asymgen.system.apply_folder import ApplyFolder, Phase
from asymgen.system.boot import add_hook, remove_hook
from asymgen.system.commands import Runner
from asymgen.system.files import restore_files
from asymgen.system.locking import Checkpoint
from asymgen.system.probe import take_snapshot

PATIENCE = 10.0
"""Seconds that a network manager may take to follow its files."""

ROOT = Path("/")


def _no_checkpoint(_step: str) -> None:
    """Nobody watches outside tests."""


def put_back(
    folder: ApplyFolder, applied: Applied, *, why: str, booting: bool = False, checkpoint: Checkpoint = _no_checkpoint
) -> list[str]:
    """Make the host what it was before ``applied``; returns what went wrong on the way, in words. ``booting``: before
    the network managers, when the kernel holds nothing yet; the files are all there is to put back.

    The phase must be ``reverting``; it becomes ``reverted`` when everything is as before. Safe to run again.
    Raises CommandFailedError where something could not be put back; the phase stays, and the next run tries again.
    """
    with folder.working():
        if folder.phase() is not Phase.REVERTING:
            return []  # another run has done it meanwhile
        return _put_back(folder, applied, why=why, booting=booting, checkpoint=checkpoint)


def _put_back(folder: ApplyFolder, applied: Applied, *, why: str, booting: bool, checkpoint: Checkpoint) -> list[str]:
    run = Runner()
    before = parse_host(applied.snapshot, origin="the state before the apply")
    new = [name for name in applied.services_after if name not in applied.services_before]
    problems: list[str] = []
    if not booting:
        checkpoint("stop what is new")
        problems += _attempts(run, (step for name in new for step in SERVICES[name].deactivation(before)))
    checkpoint("put the files back")
    restore_files(ROOT, applied.former_files(), applied.manifest, checkpoint=checkpoint)
    if not booting:
        problems += _attempts(run, _afterwards(applied, new, before))
        checkpoint("put the kernel back")
        _restore_kernel(run, before, applied)
    checkpoint("take the boot hook away")
    remove_hook(ROOT, run, hook_of(before))
    folder.note(why)
    folder.advance(Phase.REVERTING, Phase.REVERTED)
    return problems


def hook_of(host: Host) -> BootHook | None:
    """What puts the files back after a reboot; None where the init system has no boot or no such hook."""
    try:
        return boot_hook(host, (*itself_argv(), "revert", "--boot"))
    except UnsupportedError:
        return None


def arm_hook(host: Host) -> None:
    """Raises UnsupportedError where the init system cannot run one."""
    hook = boot_hook(host, (*itself_argv(), "revert", "--boot"))
    if hook is not None:
        add_hook(ROOT, Runner(), hook)


def disarm_hook(host: Host) -> None:
    """The apply is over."""
    remove_hook(ROOT, Runner(), hook_of(host))


def _afterwards(applied: Applied, new: Iterable[str], before: Host) -> Iterator[Command]:
    """What makes the managers see the old files: those that came go, those that were there reload."""
    for name in new:
        yield from SERVICES[name].after_removal(before)
    for name in applied.services_before:
        yield from start_again(name, before)


def _attempts(run: Runner, steps: Iterable[Command]) -> list[str]:
    """What went wrong; the kernel is put back afterwards, whatever that was."""
    return [problem for step in dict.fromkeys(steps) for problem in _attempt(run, step)]


def _attempt(run: Runner, step: Command) -> list[str]:
    try:
        run.run(step.argv)
    except CommandFailedError as error:
        return [error.message]
    return []


def _restore_kernel(run: Runner, before: Host, applied: Applied) -> None:
    """Again until it holds, or patience ends: a manager that reloads may still be at work."""
    deadline = time.monotonic() + PATIENCE
    failure = ""
    while True:
        lines = restoration(before, live_host(), applied.sysctls)
        if not lines:
            return
        if time.monotonic() > deadline:
            raise CommandFailedError(
                f"not everything could be put back into the kernel: {failure or lines[0]}",
                hint="`asymgen revert` tries again; `ip rule` and `ip route show table all` show what is there",
            )
        failure = run.run(["sh"], input="\n".join(lines) + "\n", check=False).last_error_line
        time.sleep(0.1)


def live_host() -> Host:
    """The host as it is now."""
    return parse_host(take_snapshot(Runner(), ROOT), origin="this host")


def finish_interrupted(folder: ApplyFolder) -> str:
    """Put back what a killed run left open. Returns what was done, in words; "" where nothing was open, or its guard
    still watches over it."""
    phase = folder.phase()
    if phase is None or not phase.is_open or folder.is_guarded():
        return ""
    applied = folder.read()
    if applied is None:
        raise AsymgenError(f"{folder.path}: {phase.value}, and its state is not there", hint="asymgen remove")
    folder.advance(Phase.PENDING, Phase.REVERTING)
    put_back(folder, applied, why="its run was interrupted before it could be confirmed")
    return f"the apply of {applied.started} was interrupted: everything is as it was before it"
