"""Writing files safely: all or nothing, known by the manifest, gone without a trace after removal.

``write_files`` and ``remove_all`` are whole runs: lock, look, decide, write. A run killed at any
moment leaves every file old or new; the next one completes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from asymgen.changes import (
    BACKUP_DIRECTORY,
    Action,
    Change,
    Changes,
    FileKind,
    FileOnDisk,
    wanted_content,
)
from asymgen.errors import CommandFailedError
from asymgen.manifest import MANIFEST_MODE, MANIFEST_PATH, STATE_DIRECTORY, Manifest, manifest_text
from asymgen.model import RenderedFile
from asymgen.records import record
from asymgen.system.locking import PATIENCE, Checkpoint, locked
from asymgen.system.on_disk import preview
from asymgen.system.transaction import Transaction
from asymgen.system.tree import Tree

Relabel = Callable[[Sequence[str]], None]
"""Gives files their SELinux label (restorecon); takes paths as seen from outside the root."""


@record
class Written:
    """What a run did. ``backups`` are (path, where its former content is kept)."""

    changes: Changes
    backups: tuple[tuple[PurePosixPath, PurePosixPath], ...] = ()


def _no_checkpoint(_step: str) -> None:
    """Nobody watches outside tests."""


def write_files(
    root: Path,
    wanted: Sequence[RenderedFile],
    *,
    force: bool = False,
    relabel: Relabel | None = None,
    patience: float = PATIENCE,
    checkpoint: Checkpoint = _no_checkpoint,
) -> Written:
    """Make the files below ``root`` those that are ``wanted``, or change nothing and raise.

    ForeignFileError: files in the way. CommandFailedError: a system call failed (its path and reason
    are named), or another run holds the lock for more than ``patience`` seconds.
    """
    changes = preview(root, wanted, force=force)
    if changes.settled:
        return Written(changes)
    tree = Tree(root)
    with _usual_umask(), locked(tree, patience=patience, checkpoint=checkpoint) as made:
        changes = preview(root, wanted, force=force)  # again: another run may have been at it until now
        changes.refuse_conflicts()
        written = apply_changes(tree, changes, made=made, relabel=relabel, checkpoint=checkpoint)
    _remove_last_directories(tree, changes)
    return written


def remove_all(
    root: Path, *, force: bool = False, patience: float = PATIENCE, checkpoint: Checkpoint = _no_checkpoint
) -> Written:
    """Take away what the manifest lists, and the directories made for it.

    What a person changed stays, listed, as ``changes.conflicts`` (the caller ends with
    ``changes.refuse_conflicts()``); with ``force`` it goes as well, and a backup stays.
    """
    tree = Tree(root)
    if tree.missing(STATE_DIRECTORY):
        return Written(preview(root, ()))
    with _usual_umask(), locked(tree, patience=patience, checkpoint=checkpoint):
        changes = preview(root, (), force=force)
        written = apply_changes(tree, changes, checkpoint=checkpoint)
    _remove_last_directories(tree, changes)
    return written


def restore_files(
    root: Path, files: Sequence[RenderedFile], manifest: bytes | None, *, checkpoint: Checkpoint = _no_checkpoint
) -> None:
    """Make the files below ``root`` those of an earlier moment, and the manifest the one of then (None: there was
    none). What a person changed since is kept as a backup."""
    write_files(root, files, force=True, checkpoint=checkpoint)
    tree = Tree(root)
    with _usual_umask(), locked(tree, patience=PATIENCE, checkpoint=checkpoint):
        transaction = Transaction(tree, checkpoint)
        if manifest is None:
            transaction.discard(MANIFEST_PATH)
        else:
            transaction.replace(MANIFEST_PATH, manifest, mode=MANIFEST_MODE)
            transaction.commit()


def _remove_last_directories(tree: Tree, changes: Changes) -> None:
    """Where no file of ours is left: the directories in which the lock was until now."""
    if changes.recorded is not None and not changes.final_entries:
        tree.remove_empty(changes.recorded.directories)


def apply_changes(
    tree: Tree,
    changes: Changes,
    *,
    made: Iterable[PurePosixPath] = (),
    relabel: Relabel | None = None,
    checkpoint: Checkpoint = _no_checkpoint,
) -> Written:
    """Do ``changes``, under the lock. ``made`` are directories that were made for the lock."""
    transaction = Transaction(tree, checkpoint)
    candidates = {change.path: _backup_path(tree, change) for change in changes.files}
    transaction.sweep([MANIFEST_PATH, *candidates, *candidates.values()])
    if changes.settled:
        return Written(changes)
    backups = tuple((change.path, candidates[change.path]) for change in changes.files if change.backup)
    directories = _Directories.of(tree, changes, made=made, backups=[backup for _, backup in backups])
    try:
        _write(transaction, changes, directories=directories, backups=dict(backups))
        if relabel is not None:
            _relabel(tree, changes, directories=directories, relabel=relabel)
        final = Manifest(changes.final_entries, directories.all)
        if final.files:
            transaction.prepare(MANIFEST_PATH, _encoded(final), mode=MANIFEST_MODE)
    except BaseException as error:
        _undo(transaction, error)
        raise
    with _already_written():
        _finish(tree, transaction, changes=changes, final=final)
    return Written(changes, backups)


@record
class _Directories:
    """``missing`` are to be made by this run; ``all`` were or will be made by asymgen."""

    missing: tuple[PurePosixPath, ...]
    all: tuple[PurePosixPath, ...]

    @classmethod
    def of(
        cls, tree: Tree, changes: Changes, *, made: Iterable[PurePosixPath], backups: Iterable[PurePosixPath]
    ) -> _Directories:
        files = [change.path for change in changes.files if change.action in (Action.CREATE, Action.UPDATE)]
        missing = {path for file in (*files, *backups) for path in tree.missing(file.parent)}
        known = () if changes.recorded is None else changes.recorded.directories
        return cls(tuple(sorted(missing)), tuple(sorted({*missing, *made, *known})))


def _write(
    transaction: Transaction,
    changes: Changes,
    *,
    directories: _Directories,
    backups: Mapping[PurePosixPath, PurePosixPath],
) -> None:
    """Manifest first: from here on a killed run's files are known, whichever they are."""
    journal = Manifest(changes.journal_entries, directories.all, complete=False)
    transaction.replace(MANIFEST_PATH, _encoded(journal), mode=MANIFEST_MODE)
    for directory in directories.missing:
        secret = directory == BACKUP_DIRECTORY or BACKUP_DIRECTORY in directory.parents
        transaction.make_directory(directory, mode=0o700 if secret else 0o755)
    for change in changes.files:
        if change.path in backups and change.before is not None:
            transaction.replace(backups[change.path], _backup_content(change.before), mode=0o600)
    for change in changes.files:
        if change.action is Action.DELETE:
            transaction.delete(change.path)
        elif change.action in (Action.CREATE, Action.UPDATE) and change.after is not None:
            transaction.replace(change.path, wanted_content(change.after), mode=change.after.mode)


def _backup_path(tree: Tree, change: Change) -> PurePosixPath:
    """The first free number; a backup that already has this content serves again."""
    base = BACKUP_DIRECTORY.joinpath(*change.path.parts[1:])
    number = 1
    while True:
        path = base.with_name(f"{base.name}.{number}")
        found = tree.read(path)
        if found is None or (change.before is not None and found.content == _backup_content(change.before)):
            return path
        number += 1


def _backup_content(before: FileOnDisk) -> bytes:
    """A file's content; of a symbolic link, a line that says where it led."""
    return b"symbolic link to " + before.content + b"\n" if before.kind is FileKind.SYMLINK else before.content


def _relabel(tree: Tree, changes: Changes, *, directories: _Directories, relabel: Relabel) -> None:
    """Before the manifest says "complete", so that a run killed in between does it again."""
    unfinished = changes.recorded is not None and not changes.recorded.complete
    actions = {Action.CREATE, Action.UPDATE} | ({Action.KEEP} if unfinished else set())
    files = [change.path for change in changes.files if change.action in actions and change.after is not None]
    paths = [str(tree.outer(path)) for path in (*directories.missing, *files)]
    if paths:
        relabel(paths)


def _undo(transaction: Transaction, error: BaseException) -> None:
    failures = transaction.roll_back()
    if isinstance(error, CommandFailedError):
        undone = (
            "; ".join(("what was written before cannot be undone", *failures)) if failures else "nothing was changed"
        )
        raise CommandFailedError(f"{error.message}; {undone}", hint=error.hint) from error


@contextmanager
def _already_written() -> Iterator[None]:
    try:
        yield
    except CommandFailedError as error:
        raise CommandFailedError(
            f"every file is in place, but tidying up failed: {error.message}", hint="run again to finish"
        ) from error


def _finish(tree: Tree, transaction: Transaction, *, changes: Changes, final: Manifest) -> None:
    """Old files go before the journal does: it is what tells the next run where to look for them."""
    transaction.commit()
    tree.remove_empty(_unneeded(changes, final.directories))
    if not final.files:
        transaction.discard(MANIFEST_PATH)
        return
    left = tuple(path for path in final.directories if not tree.missing(path))
    if left != final.directories:
        transaction.prepare(MANIFEST_PATH, _encoded(replace(final, directories=left)), mode=MANIFEST_MODE)
    transaction.publish(MANIFEST_PATH)


def _unneeded(changes: Changes, directories: Iterable[PurePosixPath]) -> tuple[PurePosixPath, ...]:
    """Those of our directories that hold no file of ours any more."""
    held = {parent for entry in changes.final_entries for parent in entry.path.parents}
    return tuple(path for path in directories if path not in held)


def _encoded(manifest: Manifest) -> bytes:
    return manifest_text(manifest).encode("ascii")


@contextmanager
def _usual_umask() -> Iterator[None]:
    """Directories of ours are for every daemon to read, whatever the shell's umask is."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)
