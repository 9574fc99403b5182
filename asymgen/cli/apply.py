"""``asymgen apply``: write, activate, verify, and go back by itself unless somebody confirms."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
from collections.abc import Iterator
from datetime import datetime
from types import FrameType
from typing import Any, NoReturn

import click

from asymgen.applied import Applied, saved_files
from asymgen.backends import BACKENDS
from asymgen.backends.used import start_again, used_services
from asymgen.changes import Changes
from asymgen.cli import outcome
from asymgen.cli.detect import doubled_rules
from asymgen.cli.inputs import Input, read_input
from asymgen.cli.itself import itself, itself_argv
from asymgen.cli.options import BACKEND, CHOICES, READER, add_options
from asymgen.cli.packaged import refuse_packaged
from asymgen.cli.reverting import ROOT, arm_hook, disarm_hook, finish_interrupted, put_back
from asymgen.cli.verify import check_live
from asymgen.commands_text import commands_script
from asymgen.detection import Detection, detect
from asymgen.errors import AsymgenError, CommandFailedError, DifferencesFoundError, UnsupportedError
from asymgen.findings import Finding, Severity
from asymgen.folded_routes import unfolded
from asymgen.leftovers import find_leftovers
from asymgen.manifest import MANIFEST_PATH
from asymgen.model import PROTOCOL, Command, Family, Host
from asymgen.parse import parse_host
from asymgen.records import record
from asymgen.report import printable
from asymgen.system.apply_folder import ApplyFolder, Phase
from asymgen.system.commands import Runner, pasteable
from asymgen.system.guard import now, start_guard, tell_syslog, who
from asymgen.system.locking import Checkpoint
from asymgen.system.on_disk import read_manifest
from asymgen.system.probe import take_snapshot
from asymgen.system.terminal import ask_until
from asymgen.system.texts import is_superuser
from asymgen.system.tree import Tree
from asymgen.verify_report import finding_document

SCHEMA = 1
"""Of the document of --format json: docs/apply.schema.json."""

SETTLING = 15.0
"""Seconds that managers may take until the kernel holds the plan."""


class EndedError(Exception):
    """Ctrl-C, or a signal to end."""


@click.command("apply")
@add_options(READER, *CHOICES, BACKEND)
@click.option("--confirm", "seconds", metavar="SECONDS", type=click.IntRange(5, 86400), default=60, show_default=True,
              help="How long to wait for a confirmation.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Confirm by itself when everything is verified.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True,
              help="json: one document on standard output in the end, the story on standard error.")  # fmt: skip
def command(*, seconds: int, yes: bool, **parameters: Any) -> None:
    """Write the files, activate them without taking an interface down, verify the kernel, and wait for `asymgen
    confirm`. Without it, when the verification fails, or when the session dies, everything goes back to what it was.

    \b
    Examples:
      asymgen apply
      asymgen apply --gateway eth1=198.51.100.1 --confirm 120
    """
    if not is_superuser():
        raise UnsupportedError("apply needs root", hint=f"run: sudo {itself()} apply")
    run_apply(parameters, seconds=seconds, yes=yes)


class Story:
    """What happened, told to a person as it happens, or to a program as one document at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.changed: list[str] = []
        self.findings: tuple[Finding, ...] = ()

    def say(self, text: str) -> None:
        click.echo(printable(text), err=self.as_json)

    def end(self, outcome: str, why: str = "") -> None:
        """``outcome``: nothing-to-do, confirmed, reverted or failed."""
        if self.as_json:
            document = {
                "schema": SCHEMA,
                "outcome": outcome,
                "why": why,
                "changed": self.changed,
                "findings": [finding_document(one) for one in self.findings],
            }
            click.echo(json.dumps(document, indent=2))


@record
class Run:
    """One apply under way."""

    folder: ApplyFolder
    applied: Applied
    story: Story
    checkpoint: Checkpoint


def run_apply(
    parameters: dict[str, Any], *, seconds: int, yes: bool, checkpoint: Checkpoint = lambda _step: None
) -> None:
    """The command; ``checkpoint`` is told each step before it is done."""
    story = Story(as_json=parameters.pop("form") == "json")
    try:
        outcome = _run(parameters, story, seconds=seconds, yes=yes, checkpoint=checkpoint)
    except AsymgenError as error:
        story.end("reverted" if isinstance(error, DifferencesFoundError) else "failed", error.message)
        raise
    story.end(outcome)


def _run(parameters: dict[str, Any], story: Story, *, seconds: int, yes: bool, checkpoint: Checkpoint) -> str:
    """How it ended, where nothing went wrong."""
    folder = ApplyFolder(ROOT, checkpoint=checkpoint)
    _refuse_a_second(folder)
    finished = finish_interrupted(folder)
    if finished:
        story.say(finished)
    snapshot = take_snapshot(Runner(), ROOT, reader=parameters.get("reader") or "auto")
    source = read_input({**parameters, "snapshot": None})
    detection = detect(source.host, source.choices, source.kept)
    refuse_packaged(ROOT)
    changes = outcome.preview_of(source, detection, force=False)
    changes.refuse_conflicts()
    if not changes.pending and not _kernel_differs(source, detection):
        story.say("nothing to do: files and kernel are as planned")
        return "nothing-to-do"
    applied = _remember(snapshot, detection, changes, seconds=seconds)
    folder.publish(applied)
    with _ending_signals():
        _apply(Run(folder, applied, story, checkpoint), source, detection, yes=yes)
    return "confirmed"


def _refuse_a_second(folder: ApplyFolder) -> None:
    phase = folder.phase()
    if phase is not None and phase.is_open and folder.is_guarded():
        applied = folder.read()
        holder = "" if applied is None else f" by {applied.by}, since {applied.started}"
        raise CommandFailedError(
            f"another apply waits for its confirmation{holder}",
            hint=f"`{itself()} confirm` keeps it, `{itself()} revert` undoes it; or wait until it goes back by itself",
        )


def _kernel_differs(source: Input, detection: Detection) -> bool:
    stale = find_leftovers(source.host, source.kept, wanted=detection.state)
    found = check_live(source, detection)
    return not stale.is_empty or any(one.severity is Severity.ERROR for one in found)


def _remember(snapshot: dict[str, Any], detection: Detection, changes: Changes, *, seconds: int) -> Applied:
    manifest = read_manifest(ROOT)
    found = Tree(ROOT).read(MANIFEST_PATH)
    return Applied(
        token=secrets.token_hex(8),
        started=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"),
        by=who(),
        seconds=seconds,
        files=saved_files(changes),
        manifest=None if found is None else found.content,
        snapshot=unfolded(snapshot),
        sysctls=detection.state.sysctls,
        services_before=used_services(entry.path for entry in manifest.files) if manifest else (),
        services_after=used_services(file.path for file in detection.files),
    )


def _apply(run: Run, source: Input, detection: Detection, *, yes: bool) -> None:
    """From here on, whatever happens ends in ``confirmed`` or in ``reverted``."""
    story = run.story
    try:
        run.checkpoint("start the guard")
        _start_guard(run, detection)
        run.checkpoint("arm the boot hook")
        arm_hook(source.host)
        run.checkpoint("write the files")
        written = outcome.write(source, detection, root=ROOT, force=False)
        for change in written.changes.pending:
            story.changed.append(str(change.path))
            story.say(f"{change.action.value} {change.path}")
        run.checkpoint("activate")
        _activate(source, detection)
        run.checkpoint("verify")
        story.findings = tuple(one for one in _until_right(source) if one.severity > Severity.INFO)
        for one in story.findings:
            story.say(f"{one.severity.word}: {one.what}\n  {one.do}")
        if any(one.severity is Severity.ERROR for one in story.findings):
            _go_back(run, "the verification failed")
        if yes:
            keep(run.folder)
            story.say("verified and confirmed")
            return
        _wait(run)
    except (AsymgenError, EndedError, OSError) as error:
        if isinstance(error, DifferencesFoundError):
            raise
        why = "it was interrupted" if isinstance(error, EndedError) else getattr(error, "message", str(error))
        _go_back(run, why)


def _start_guard(run: Run, detection: Detection) -> None:
    token = run.applied.token
    argv = (*itself_argv(), "revert", "--guard", token)
    start_guard(Runner(), argv, token=token, by_systemd=detection.host.managers.init == "systemd")
    deadline = now() + 10
    while not run.folder.is_guarded():
        if now() > deadline:
            raise CommandFailedError("the process that would undo this did not start", hint="nothing was changed")
        signal.sigtimedwait([], 0.05)


def _activate(source: Input, detection: Detection) -> None:
    """As ``detect --write`` prints it: no interface goes down, no manager starts anew."""
    run = Runner()
    for name in used_services(file.path for file in detection.files):
        for step in start_again(name, detection.host):
            _run_step(run, step)
    if doubled_rules(detection):
        for family in Family:
            run.run(["ip", f"-{family}", "rule", "flush", "protocol", str(PROTOCOL)])
    stale = find_leftovers(parse_host(take_snapshot(run, ROOT)), source.kept, wanted=detection.state)
    if not stale.is_empty:
        can_protocol = BACKENDS["sysv"].capabilities(detection.host).rule_protocol
        run.run(["sh"], input=commands_script(stale, undo=True, protocol=can_protocol))


def _run_step(run: Runner, step: Command) -> None:
    """With all that a script says: its last line alone is seldom the reason."""
    result = run.run(step.argv, check=False)
    if result.returncode != 0:
        said = "; ".join(filter(None, map(str.strip, result.stderr.splitlines())))
        raise CommandFailedError(f"{pasteable(step.argv)}: exit code {result.returncode}: {said}")


def _until_right(source: Input) -> tuple[Finding, ...]:
    """The findings when nothing is wrong any more, or when managers had their time."""
    deadline = now() + SETTLING
    while True:
        again = Input(_live(), source.choices, source.kept, source.root, source.plan_path)
        detection = detect(again.host, again.choices, again.kept)
        found = check_live(again, detection)
        if not any(one.severity is Severity.ERROR for one in found) or now() > deadline:
            return found
        signal.sigtimedwait([], 0.2)


def _live() -> Host:
    return parse_host(take_snapshot(Runner(), ROOT), origin="this host")


def _wait(run: Run) -> None:
    folder, seconds, story = run.folder, run.applied.seconds, run.story
    deadline = now() + seconds
    story.say(f"applied and verified. It goes back by itself in {seconds} s, also when this session is lost.")
    story.say(f"To keep it: type yes here, or run `{itself()} confirm` in any shell (better: in a new SSH session).")
    run.checkpoint("wait")
    answer = ask_until(deadline, lambda: folder.phase() is not Phase.PENDING, "" if story.as_json else "keep it? ")
    if answer == "yes" and keep(folder):
        story.say("confirmed: it stays")
        return
    if answer:
        _go_back(run, f"the answer was {answer!r}")
    _await_guard(run)


def _await_guard(run: Run) -> None:
    """Time is up, or somebody confirmed or reverted in another shell."""
    folder = run.folder
    while folder.phase() in (Phase.PENDING, Phase.REVERTING) and folder.is_guarded():
        signal.sigtimedwait([], 0.1)
    deadline = now() + SETTLING
    while folder.phase() is Phase.REVERTING and now() < deadline:  # somebody else's `asymgen revert`
        signal.sigtimedwait([], 0.1)
    if folder.phase() is Phase.PENDING:  # the guard was killed
        _go_back(run, f"not confirmed within {run.applied.seconds} s")
    phase = folder.phase()
    if phase is Phase.CONFIRMED:
        run.story.say("confirmed: it stays")
        return
    _refuse_unfinished(folder)
    raise DifferencesFoundError(f"everything is as it was: {folder.why() or 'not confirmed in time'}")


def _refuse_unfinished(folder: ApplyFolder) -> None:
    if folder.phase() is not Phase.REVERTED:
        raise CommandFailedError("not everything could be put back", hint=f"run `{itself()} revert` again")


def keep(folder: ApplyFolder) -> bool:
    """Confirm: False where it went back already."""
    applied = folder.read()
    if applied is None or not folder.advance(Phase.PENDING, Phase.CONFIRMED):
        return False
    disarm_hook(parse_host(applied.snapshot, origin="the state before the apply"))
    return True


def _go_back(run: Run, why: str) -> NoReturn:
    folder = run.folder
    if folder.advance(Phase.PENDING, Phase.REVERTING):
        for problem in put_back(folder, run.applied, why=why, checkpoint=run.checkpoint):
            run.story.say(f"note: {problem}")
        tell_syslog(f"apply was undone: {why}")
    _refuse_unfinished(folder)
    raise DifferencesFoundError(f"everything is as it was: {why}")


@contextlib.contextmanager
def _ending_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM go back at once. SIGHUP ends this process: the guard goes back when the time is up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise EndedError

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
