"""What is decided about each file, and that nothing of somebody else's is ever decided upon."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

import pytest

from asymgen.changes import Action, Change, Changes, FileKind, FileOnDisk, paths_of_interest, plan_changes
from asymgen.errors import AsymgenError, ForeignFileError, InputError
from asymgen.manifest import Entry, Manifest, fingerprint, manifest_text, parse_manifest
from tests.file_trees import HOOK, INIT, PLAN, rendered

WANTED = rendered(HOOK, "#!/bin/sh\necho one\n", 0o755)
SAME = FileOnDisk(b"#!/bin/sh\necho one\n", 0o755)
OLDER = FileOnDisk(b"#!/bin/sh\necho zero\n", 0o755)
OTHER = FileOnDisk(b"#!/bin/sh\necho mine\n", 0o755)
SWITCHED_OFF = FileOnDisk(OLDER.content, 0o644)


def known(found: FileOnDisk, *, previous: FileOnDisk | None = None, complete: bool = True) -> Manifest:
    """A manifest that knows HOOK as ``found``."""
    former = None if previous is None else fingerprint(previous.content, previous.mode)
    return Manifest((Entry(HOOK, fingerprint(found.content, found.mode), former),), complete=complete)


def decide(found: FileOnDisk | None, manifest: Manifest | None, *, force: bool = False, wanted: bool = True) -> Change:
    changes = plan_changes([WANTED] if wanted else [], {HOOK: found}, manifest=manifest, force=force)
    return changes.files[0]


@pytest.mark.parametrize(
    "found, manifest, action, why",
    [
        (None, None, Action.CREATE, "what asymgen is for"),
        (None, known(OLDER), Action.CREATE, "removed by hand"),
        (None, known(SAME, complete=False), Action.CREATE, "interrupted"),
        (SAME, known(SAME), Action.KEEP, "unchanged"),
        (SAME, None, Action.KEEP, "from now on asymgen's"),
        (OLDER, known(OLDER), Action.UPDATE, "what asymgen is for"),
        (OLDER, known(OTHER, previous=OLDER, complete=False), Action.UPDATE, "what asymgen is for"),
        (OTHER, known(OTHER, previous=OLDER, complete=False), Action.UPDATE, "what asymgen is for"),
        (
            FileOnDisk(SAME.content, 0o700),
            known(FileOnDisk(SAME.content, 0o700)),
            Action.UPDATE,
            "mode 0700, wanted 0755",
        ),
        (OTHER, None, Action.CONFLICT, "a file that asymgen did not write"),
        (FileOnDisk(SAME.content, 0o644), None, Action.CONFLICT, "mode 0644 instead of 0755"),
        (OTHER, known(OLDER), Action.CONFLICT, "changed by hand since"),
        (SWITCHED_OFF, known(OLDER), Action.CONFLICT, "changed by hand: mode 0644"),
        (FileOnDisk(b"/dev/null", 0o777, FileKind.SYMLINK), known(OLDER), Action.CONFLICT, "is now a symbolic link"),
        (FileOnDisk(b"/dev/null", 0o777, FileKind.SYMLINK), None, Action.CONFLICT, "a symbolic link that"),
        (FileOnDisk(b"", 0o755, FileKind.DIRECTORY), None, Action.CONFLICT, "a directory that"),
    ],
)
def test_wanted_file(found: FileOnDisk | None, manifest: Manifest | None, action: Action, why: str) -> None:
    change = decide(found, manifest)
    assert (change.action, why in change.why) == (action, True), change


@pytest.mark.parametrize(
    "found, manifest, action",
    [
        (None, known(OLDER), Action.KEEP),
        (OLDER, known(OLDER), Action.DELETE),
        (OLDER, known(OTHER, previous=OLDER, complete=False), Action.DELETE),
        (OTHER, known(OLDER), Action.CONFLICT),
        (SWITCHED_OFF, known(OLDER), Action.CONFLICT),
        (FileOnDisk(b"", 0o755, FileKind.DIRECTORY), known(OLDER), Action.CONFLICT),
    ],
)
def test_file_no_longer_wanted(found: FileOnDisk | None, manifest: Manifest, action: Action) -> None:
    assert decide(found, manifest, wanted=False).action is action


@pytest.mark.parametrize(
    "found, wanted, action, backup",
    [
        (OTHER, True, Action.UPDATE, True),
        (OTHER, False, Action.DELETE, True),
        (OLDER, True, Action.UPDATE, False),
        (FileOnDisk(b"/dev/null", 0o777, FileKind.SYMLINK), True, Action.UPDATE, True),
        (FileOnDisk(b"", 0o755, FileKind.DIRECTORY), True, Action.CONFLICT, False),
        (FileOnDisk(b"", 0, FileKind.UNREADABLE), True, Action.CONFLICT, False),
    ],
)
def test_force_keeps_a_backup_of_what_is_not_ours(
    found: FileOnDisk, *, wanted: bool, action: Action, backup: bool
) -> None:
    change = decide(found, known(OLDER), force=True, wanted=wanted)
    assert (change.action, change.backup) == (action, backup)


def test_a_refusal_names_every_file_and_the_way_out() -> None:
    disk = {HOOK: OTHER, INIT: OTHER, PLAN: None}
    changes = plan_changes([WANTED, rendered(INIT, "x\n"), rendered(PLAN, "y\n")], disk, manifest=None)
    with pytest.raises(ForeignFileError) as caught:
        changes.refuse_conflicts()
    assert str(HOOK) in caught.value.message
    assert str(INIT) in caught.value.message
    assert str(PLAN) not in caught.value.message
    assert "--force" in caught.value.hint
    assert "/var/lib/asymgen/backup" in caught.value.hint


def test_a_refusal_does_not_offer_force_where_it_cannot_help() -> None:
    changes = plan_changes([WANTED], {HOOK: FileOnDisk(b"", 0o755, FileKind.DIRECTORY)}, manifest=None, force=True)
    with pytest.raises(ForeignFileError) as caught:
        changes.refuse_conflicts()
    assert "--force" not in caught.value.hint


@pytest.mark.parametrize("backup, previous", [(False, OLDER.fingerprint), (True, None)])
def test_the_journal_knows_old_and_new_but_never_claims_a_stranger(*, backup: bool, previous: object) -> None:
    """A run killed before it replaced a forced file must not make that file look like asymgen's own."""
    found = OTHER if backup else OLDER
    changes = plan_changes([WANTED], {HOOK: found}, manifest=None if backup else known(OLDER), force=True)
    assert changes.journal_entries == (Entry(HOOK, fingerprint(SAME.content, SAME.mode), previous),)  # type: ignore[arg-type]
    again = plan_changes([WANTED], {HOOK: found}, manifest=Manifest(changes.journal_entries, complete=False))
    assert bool(again.conflicts) is backup


@pytest.mark.parametrize(
    "found, manifest, settled",
    [
        (SAME, known(SAME), True),
        (SAME, None, False),
        (SAME, known(SAME, complete=False), False),
        (SAME, known(OLDER), False),
        (OLDER, known(OLDER), False),
    ],
)
def test_settled_means_neither_files_nor_manifest_change(
    found: FileOnDisk, manifest: Manifest | None, *, settled: bool
) -> None:
    assert plan_changes([WANTED], {HOOK: found}, manifest=manifest).settled is settled


def test_nothing_wanted_and_nothing_known_is_settled() -> None:
    assert plan_changes([], {}, manifest=None).settled
    assert not plan_changes([], {}, manifest=Manifest()).settled  # the empty manifest itself has to go


def test_one_file_of_two_backends_is_one_file() -> None:
    assert len(plan_changes([WANTED, WANTED], {HOOK: None}, manifest=None).files) == 1
    with pytest.raises(AsymgenError, match="two different files"):
        plan_changes([WANTED, rendered(HOOK, "else\n")], {HOOK: None}, manifest=None)


@pytest.mark.parametrize("path", ["relative/file", "/etc/../../outside", "/", "//server/share"])
def test_no_file_is_wanted_outside(path: str) -> None:
    with pytest.raises(AsymgenError, match="no absolute path"):
        plan_changes([rendered(PurePosixPath(path), "x\n")], {PurePosixPath(path): None}, manifest=None)


def test_paths_of_interest_are_wanted_and_known() -> None:
    assert paths_of_interest([rendered(PLAN, "")], known(OLDER)) == (PLAN, HOOK)


@pytest.mark.parametrize(
    "before, after",
    [
        ("one\ntwo\nthree\n", "one\nTWO\nthree\n"),
        ("no newline at the end", "no newline at the end\nand more"),
        ("form\x0cfeed\x1cand others\n", "form\x0cfeed\x1cand more\n"),
        (None, "made\n"),
        ("made\n", None),
    ],
)
def test_a_diff_is_one_that_patch_takes(before: str | None, after: str | None, tmp_path: Path) -> None:
    disk = None if before is None else FileOnDisk(before.encode(), 0o644)
    manifest = None if disk is None else known(disk)
    change = plan_changes([] if after is None else [rendered(HOOK, after)], {HOOK: disk}, manifest=manifest).files[0]
    target = tmp_path / "file"
    if before is not None:
        target.write_bytes(before.encode())
    subprocess.run(["git", "apply", "-p5", "-"], cwd=tmp_path, input=_relative(change.diff), check=True)
    assert (target.read_bytes() if target.exists() else None) == (None if after is None else after.encode())


def _relative(diff: str) -> bytes:
    """git applies to names below its directory."""
    return diff.replace(f"a{HOOK}", "a/b/c/d/e/file").replace(f"b{HOOK}", "a/b/c/d/e/file").encode()


def test_a_diff_shows_modes() -> None:
    wanted = rendered(HOOK, OLDER.content.decode(), 0o700)
    diff = plan_changes([wanted], {HOOK: OLDER}, manifest=known(OLDER)).files[0].diff
    assert diff == "old mode 100755\nnew mode 100700\n"


def test_pending_is_what_differs() -> None:
    changes = plan_changes([WANTED, rendered(PLAN, "p\n")], {HOOK: SAME, PLAN: None}, manifest=None)
    assert [change.path for change in changes.pending] == [PLAN]
    assert [change.diff != "" for change in changes.files] == [True, False]


# --- the manifest ---


def test_manifest_comes_back_as_it_was() -> None:
    strange = PurePosixPath("/etc/systemd/network/10-\udcff$(id).network")
    manifest = Manifest(
        (Entry(strange, fingerprint(b"x", 0o755), fingerprint(b"y", 0o644)), Entry(HOOK, fingerprint(b"", 0o4755))),
        (PurePosixPath("/etc/asymgen"),), complete=False,
    )  # fmt: skip
    text = manifest_text(manifest)
    assert text.isascii()
    assert set(parse_manifest(text, "m").files) == set(manifest.files)
    assert parse_manifest(text, "m").directories == manifest.directories
    assert not parse_manifest(text, "m").complete


@pytest.mark.parametrize(
    "old, new, named",
    [
        ("{", "{{", "not valid JSON"),
        ('"schema": 1', '"schema": 2', "'schema' is 2"),
        ('"0755"', '"rwxr-xr-x"', "'mode' is 'rwxr-xr-x'"),
        ('"0755"', "493", "'mode' is 493"),
        (SAME.fingerprint.sha256 if SAME.fingerprint else "", "cafe", "'sha256' is 'cafe'"),
        (str(HOOK), "../etc/passwd", "../etc/passwd"),
        (str(HOOK), "/etc/../passwd", "/etc/../passwd"),
        ('"previous": null', '"previous": "yes"', "'previous' is 'yes'"),
        ('"files"', '"Files"', "'files' is None"),
        ('"complete": true', '"complete": "true"', "'complete' is 'true'"),
    ],
)
def test_a_broken_manifest_is_refused_with_its_name_the_key_and_the_way_out(old: str, new: str, named: str) -> None:
    text = manifest_text(known(SAME))
    assert old in text
    with pytest.raises(InputError) as caught:
        parse_manifest(text.replace(old, new, 1), "/var/lib/asymgen/manifest.json")
    assert caught.value.message.startswith("/var/lib/asymgen/manifest.json: ")
    assert named in caught.value.message
    assert "move it away" in caught.value.hint


def test_no_entry_for_an_unknown_path() -> None:
    assert Changes((), known(SAME)).recorded is not None
    assert known(SAME).entry(PLAN) is None
