"""What a run would do to each file: wanted files x files on disk x manifest -> Changes. Pure.

One principle: what asymgen did not write, or what a person changed since, is not touched. A file is
asymgen's when its content and mode are those that the manifest holds for it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from io import StringIO
from pathlib import PurePosixPath

from asymgen.errors import AsymgenError, ForeignFileError
from asymgen.manifest import STATE_DIRECTORY, Entry, Fingerprint, Manifest, fingerprint, is_plain
from asymgen.model import RenderedFile
from asymgen.records import record

BACKUP_DIRECTORY = STATE_DIRECTORY / "backup"
"""Not beside the original: hooks, units and settings there would be run or read as well."""


class FileKind(enum.Enum):
    """What lies at a path; the values are words for messages."""

    REGULAR = "a file"
    SYMLINK = "a symbolic link"
    DIRECTORY = "a directory"
    SPECIAL = "a device, pipe or socket"
    UNREADABLE = "a file that this user cannot read"

    @property
    def can_be_replaced(self) -> bool:
        """Whether a backup of it can be made, and a file put in its place."""
        return self in (FileKind.REGULAR, FileKind.SYMLINK)


@record
class FileOnDisk:
    """What is there now. ``content`` is a symbolic link's target, and empty for other kinds than files."""

    content: bytes
    mode: int
    kind: FileKind = FileKind.REGULAR

    @property
    def fingerprint(self) -> Fingerprint | None:
        """None for what asymgen never writes."""
        return fingerprint(self.content, self.mode) if self.kind is FileKind.REGULAR else None


class Action(enum.Enum):
    """What happens to a file."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    DELETE = "delete"
    CONFLICT = "conflict"


@record
class Change:
    """One file: ``before`` None is "not there", ``after`` None "shall not be there". ``backup``: forced,
    so what is there is kept first."""

    path: PurePosixPath
    action: Action
    why: str
    before: FileOnDisk | None
    after: RenderedFile | None
    backup: bool = False

    @cached_property
    def diff(self) -> str:
        """A unified diff, empty where nothing differs. Made when somebody looks at it: only the report for people
        does."""
        return "" if self.action is Action.KEEP else _diff(self)


@record
class Changes:
    """Everything that a run would do. ``recorded`` is the manifest as it is now."""

    files: tuple[Change, ...]
    recorded: Manifest | None

    @property
    def pending(self) -> tuple[Change, ...]:
        """The files that differ from what is wanted, conflicts included."""
        return tuple(change for change in self.files if change.action is not Action.KEEP)

    @property
    def conflicts(self) -> tuple[Change, ...]:
        return tuple(change for change in self.files if change.action is Action.CONFLICT)

    @property
    def settled(self) -> bool:
        """Nothing to do at all: neither to the files nor to the manifest."""
        if self.recorded is None:
            return not self.files
        same = set(self.recorded.files) == set(self.final_entries) != set()
        return not self.pending and self.recorded.complete and same

    @property
    def final_entries(self) -> tuple[Entry, ...]:
        """The manifest's files after the run. What stays because of a conflict stays known."""
        return tuple(entry for entry in map(self._final_entry, self.files) if entry is not None)

    @property
    def journal_entries(self) -> tuple[Entry, ...]:
        """The manifest's files during the run: what each is and what it will be."""
        return tuple(entry for entry in map(self._journal_entry, self.files) if entry is not None)

    def refuse_conflicts(self) -> None:
        """Raise ForeignFileError, naming every file that is in the way."""
        if self.conflicts:
            raise ForeignFileError(_refusal(self.conflicts), hint=_advice(self.conflicts))

    def _known(self, path: PurePosixPath) -> Entry | None:
        return None if self.recorded is None else self.recorded.entry(path)

    def _final_entry(self, change: Change) -> Entry | None:
        if change.action is Action.CONFLICT:
            return self._known(change.path)
        return None if change.after is None else Entry(change.path, wanted_fingerprint(change.after))

    def _journal_entry(self, change: Change) -> Entry | None:
        final = self._final_entry(change)
        if change.action is Action.DELETE:
            return self._known(change.path)
        if change.action is not Action.UPDATE or final is None or change.before is None or change.backup:
            # A forced file was not ours: a run killed before replacing it must leave it a stranger.
            return final
        return replace(final, previous=change.before.fingerprint)


def wanted_content(file: RenderedFile) -> bytes:
    """The bytes of ``file``: names of interfaces in it need not be UTF-8."""
    return file.text.encode("utf-8", "surrogateescape")


def wanted_fingerprint(file: RenderedFile) -> Fingerprint:
    """What ``file`` will be told by once it is written."""
    return fingerprint(wanted_content(file), file.mode)


def paths_of_interest(wanted: Iterable[RenderedFile], manifest: Manifest | None) -> tuple[PurePosixPath, ...]:
    """Every path whose state on disk ``plan_changes`` must be told."""
    known = () if manifest is None else manifest.files
    return tuple(sorted({*(file.path for file in wanted), *(entry.path for entry in known)}))


def plan_changes(
    wanted: Sequence[RenderedFile],
    on_disk: Mapping[PurePosixPath, FileOnDisk | None],
    *,
    manifest: Manifest | None,
    force: bool = False,
) -> Changes:
    """Decide each file's fate. ``on_disk`` has every path of ``paths_of_interest``; ``force`` turns a
    conflict into an update or deletion with a backup, wherever a backup can be made."""
    files = _by_path(wanted)
    made = [_wanted_change(file, on_disk[file.path], manifest=manifest) for file in files.values()]
    known = () if manifest is None else manifest.files
    made += [_obsolete_change(entry, on_disk[entry.path]) for entry in known if entry.path not in files]
    made = [_forced(change) if force else change for change in made]
    return Changes(tuple(sorted(made, key=lambda change: change.path)), manifest)


def _by_path(wanted: Iterable[RenderedFile]) -> dict[PurePosixPath, RenderedFile]:
    """Two backends may render the same shared file; two files of one name would be a defect."""
    files: dict[PurePosixPath, RenderedFile] = {}
    for file in wanted:
        if not is_plain(file.path):
            raise AsymgenError(f"a file was rendered for {file.path}, which is no absolute path without '..'")
        other = files.setdefault(file.path, file)
        if other is not file and wanted_fingerprint(other) != wanted_fingerprint(file):
            raise AsymgenError(f"two different files were rendered for {file.path}: {other.why}; {file.why}")
    return files


def _wanted_change(file: RenderedFile, found: FileOnDisk | None, *, manifest: Manifest | None) -> Change:
    entry = None if manifest is None else manifest.entry(file.path)
    action, why = _verdict(file, found, entry=entry)
    if found is None and entry is not None:
        interrupted = manifest is not None and not manifest.complete
        why = "an interrupted run had not made it" if interrupted else "was removed by hand: made again"
    return Change(file.path, action, why, found, file)


def _verdict(file: RenderedFile, found: FileOnDisk | None, *, entry: Entry | None) -> tuple[Action, str]:
    if found is None:
        return Action.CREATE, file.why
    if found.fingerprint == wanted_fingerprint(file):
        return Action.KEEP, "unchanged" if entry else "already as wanted: from now on asymgen's"
    if entry is None:
        return Action.CONFLICT, f"{_described(found, file)} that asymgen did not write"
    if found.fingerprint is None or not entry.knows(found.fingerprint):
        return Action.CONFLICT, _changed_by_hand(found, entry)
    if found.content == wanted_content(file):
        return Action.UPDATE, f"mode {found.mode:04o}, wanted {file.mode:04o}"
    return Action.UPDATE, file.why


def _described(found: FileOnDisk, file: RenderedFile) -> str:
    same = found.kind is FileKind.REGULAR and found.content == wanted_content(file)
    return f"a file with mode {found.mode:04o} instead of {file.mode:04o}" if same else found.kind.value


def _changed_by_hand(found: FileOnDisk, entry: Entry) -> str:
    if found.kind is not FileKind.REGULAR:
        return f"is now {found.kind.value}"
    if fingerprint(found.content, entry.current.mode) == entry.current:
        return f"changed by hand: mode {found.mode:04o}, asymgen's {entry.current.mode:04o}"
    return "changed by hand since asymgen wrote it"


def _obsolete_change(entry: Entry, found: FileOnDisk | None) -> Change:
    if found is None:
        return Change(entry.path, Action.KEEP, "no longer wanted, and already gone", None, None)
    if found.fingerprint is not None and entry.knows(found.fingerprint):
        return Change(entry.path, Action.DELETE, "no longer wanted", found, None)
    return Change(entry.path, Action.CONFLICT, f"no longer wanted, but {_changed_by_hand(found, entry)}", found, None)


def _forced(change: Change) -> Change:
    if change.action is not Action.CONFLICT or change.before is None or not change.before.kind.can_be_replaced:
        return change
    action = Action.DELETE if change.after is None else Action.UPDATE
    return replace(change, action=action, backup=True, why=f"{change.why}; forced, with a backup")


def _diff(change: Change) -> str:
    """A unified diff as git writes it, modes included, so that ``patch -p1`` takes it."""
    before, after = change.before, change.after
    if before is not None and before.kind is not FileKind.REGULAR:
        return ""
    header = ""
    if before is not None and after is not None and before.mode != after.mode:
        header = f"old mode 10{before.mode:04o}\nnew mode 10{after.mode:04o}\n"
    old = "" if before is None else before.content.decode("utf-8", "surrogateescape")
    import difflib  # noqa: PLC0415 - most runs show no differences

    body = difflib.unified_diff(
        _lines(old),
        _lines("" if after is None else after.text),
        "/dev/null" if before is None else f"a{change.path}",
        "/dev/null" if after is None else f"b{change.path}",
    )
    return header + "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in body)


def _lines(text: str) -> list[str]:
    """Split at line feeds alone: ``splitlines`` also splits at form feeds and other signs."""
    return list(StringIO(text, newline="\n"))


def _refusal(conflicts: Sequence[Change]) -> str:
    lines = "".join(f"\n  {change.path}: {change.why}" for change in conflicts)
    return f"{'a file is' if len(conflicts) == 1 else 'files are'} in the way and left alone:{lines}"


def _advice(conflicts: Sequence[Change]) -> str:
    stuck = [change for change in conflicts if change.before is not None and not change.before.kind.can_be_replaced]
    if any(change.before is not None and change.before.kind is FileKind.UNREADABLE for change in stuck):
        return "run as root to compare them"
    if stuck:
        return f"move away what is no file ({', '.join(str(change.path) for change in stuck)}), and run again"
    return f"move them away, or run again with --force, which keeps each below {BACKUP_DIRECTORY}"
