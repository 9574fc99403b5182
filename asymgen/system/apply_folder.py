"""``/var/lib/asymgen/apply``: the state before the last apply, and how far that has come.

The phase is the name of an empty file, and changes by rename(2): of a confirmation and an expiry at the same moment
one wins, and a run that is killed leaves one phase or the other. The folder appears whole, under the lock that all
writers take.

``pending`` (waiting for a confirmation) -> ``confirmed`` or ``reverting`` -> ``reverted``; a confirmed one can still
be reverted.
"""

from __future__ import annotations

import enum
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asymgen.applied import Applied, applied_text, parse_applied
from asymgen.errors import CommandFailedError, InputError
from asymgen.manifest import APPLY_DIRECTORY
from asymgen.system.locking import PATIENCE, Checkpoint, locked
from asymgen.system.tree import Tree, naming

STATE = "state.json"
GUARD = "guard"
WORKER = "worker"
WHY = "why"


class Phase(enum.Enum):
    """How far an apply has come."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REVERTING = "reverting"
    REVERTED = "reverted"

    @property
    def is_open(self) -> bool:
        """Neither kept nor put back: the host may be in either state."""
        return self in (Phase.PENDING, Phase.REVERTING)


class ApplyFolder:
    """The folder below ``root``. ``checkpoint`` is told each step before it is done."""

    def __init__(self, root: Path, *, checkpoint: Checkpoint = lambda _step: None) -> None:
        self._root = root
        self.path = root / APPLY_DIRECTORY.relative_to("/")
        self._checkpoint = checkpoint

    def phase(self) -> Phase | None:
        """None: nothing was ever applied here."""
        return next((phase for phase in Phase if (self.path / phase.value).exists()), None)

    def advance(self, before: Phase, after: Phase) -> bool:
        """From one phase to another; False where somebody else was faster."""
        self._checkpoint(f"advance to {after.value}")
        try:
            os.rename(self.path / before.value, self.path / after.value)
        except FileNotFoundError:
            return False
        _sync(self.path)
        return True

    def publish(self, applied: Applied) -> None:
        """Put the state before in place, as pending. Raises CommandFailedError where another apply is open."""
        fresh = self.path.with_name("apply.new")
        with (
            locked(Tree(self._root), patience=PATIENCE, checkpoint=self._checkpoint),
            naming(self.path, "write the state before"),
        ):
            phase = self.phase()
            if phase is not None and phase.is_open:
                raise CommandFailedError(f"{self.path}: another apply is {phase.value}")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            self._checkpoint("write the state before")
            _write(fresh / STATE, applied_text(applied))
            _write(fresh / Phase.PENDING.value, "")
            _sync(fresh)
            shutil.rmtree(self.path, ignore_errors=True)
            self._checkpoint("publish the state before")
            os.rename(fresh, self.path)
            _sync(self.path.parent)

    def read(self) -> Applied | None:
        """What the last apply remembered. Raises InputError."""
        try:
            text = (self.path / STATE).read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as problem:
            raise InputError(f"{self.path / STATE}: cannot be read: {problem}") from problem
        return parse_applied(text, str(self.path / STATE))

    def note(self, why: str) -> None:
        """Keep why it was put back, for the next run to tell."""
        with naming(self.path / WHY, "write"):
            _write(self.path / WHY, why + "\n")

    def why(self) -> str:
        """Why it was put back; "" where that is not known."""
        try:
            return (self.path / WHY).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def forget(self) -> None:
        """Take the folder away (``asymgen remove``)."""
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.rmtree(self.path.with_name("apply.new"), ignore_errors=True)

    # --- the guard -------------------------------------------------------------------------------------

    @contextmanager
    def guarding(self) -> Iterator[bool]:
        """Hold the guard's lock, which the kernel gives back when its process ends; False: another holds it."""
        with (self.path / GUARD).open("a", encoding="ascii") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    @contextmanager
    def working(self) -> Iterator[None]:
        """One at a time puts things back; who comes second waits, and looks at the phase again."""
        with (self.path / WORKER).open("a", encoding="ascii") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def is_guarded(self) -> bool:
        """Whether a guard lives."""
        if not (self.path / GUARD).exists():
            return False
        with self.guarding() as free:
            return not free


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and on the disk."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(temporary, path)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
