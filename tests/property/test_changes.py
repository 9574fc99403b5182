"""For all sets of files: written twice is nothing, removed is as before, order does not matter."""

from __future__ import annotations

import itertools
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st

from asymgen.changes import Action, FileOnDisk, plan_changes
from asymgen.manifest import Manifest, manifest_text, parse_manifest
from asymgen.model import RenderedFile
from asymgen.system.files import remove_all, write_files
from asymgen.system.on_disk import preview
from tests.file_trees import holds, listing, put, rendered, strays

PATHS = [
    PurePosixPath(text)
    for text in (
        "/etc/network/if-up.d/asymgen", "/etc/init.d/asymgen", "/etc/asymgen/plan.json", "/etc/sysctl.d/60.conf",
        "/etc/systemd/network/10-eth0.network.d/50-asymgen.conf", "/etc/x/y/z/w", "/etc/x/y/\udcff$(id)", "/a",
    )
]  # fmt: skip
MODES = st.sampled_from([0o644, 0o755, 0o600, 0o400])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(["", "\udc80\n", "a\nb\n"])


@st.composite
def file_sets(draw: st.DrawFn) -> tuple[RenderedFile, ...]:
    paths = draw(st.lists(st.sampled_from(PATHS), unique=True))
    return tuple(rendered(path, draw(TEXTS), draw(MODES)) for path in paths)


@contextmanager
def fresh_root() -> Iterator[Path]:
    # In memory where there is such a place: thousands of fsync(2) prove nothing here and take minutes.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as name:
        yield Path(name)


@settings(max_examples=25, deadline=None)
@given(file_sets())
def test_written_twice_is_nothing_the_second_time(files: tuple[RenderedFile, ...]) -> None:
    with fresh_root() as root:
        write_files(root, files)
        before, stamps = listing(root), {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
        again = write_files(root, files)
        assert again.changes.settled
        assert listing(root) == before
        assert {path: path.lstat().st_mtime_ns for path in root.rglob("*")} == stamps


@settings(max_examples=25, deadline=None)
@given(runs=st.lists(file_sets(), min_size=1, max_size=3), has_var=st.booleans())
def test_written_and_removed_is_as_before(runs: list[tuple[RenderedFile, ...]], *, has_var: bool) -> None:
    with fresh_root() as root:
        put(root, PurePosixPath("/etc/asymgen/asymgen.toml"), "a person's\n")
        put(root, PurePosixPath("/etc/network/if-up.d/mountnfs"), "somebody's\n", mode=0o755)
        if has_var:
            (root / "var/lib").mkdir(parents=True)
        before = listing(root)
        for files in runs:
            write_files(root, files)
            assert strays(root) == []
        assert not remove_all(root).changes.conflicts
        assert listing(root) == before


@settings(max_examples=25, deadline=None)
@given(file_sets(), file_sets())
def test_from_any_set_to_any_other(first: tuple[RenderedFile, ...], second: tuple[RenderedFile, ...]) -> None:
    with fresh_root() as root, fresh_root() as direct:
        write_files(root, first)
        write_files(root, second)
        write_files(direct, second)
        assert listing(root) == listing(direct)


@given(file_sets(), st.randoms(use_true_random=False))
def test_order_is_irrelevant(files: tuple[RenderedFile, ...], shuffle: random.Random) -> None:
    mixed = list(files)
    shuffle.shuffle(mixed)
    disk: dict[PurePosixPath, FileOnDisk | None] = dict.fromkeys(PATHS)
    assert plan_changes(files, disk, manifest=None) == plan_changes(mixed, disk, manifest=None)


@settings(max_examples=25, deadline=None)
@given(file_sets(), st.sampled_from(PATHS), TEXTS, MODES)
def test_what_somebody_else_wrote_is_never_lost(
    files: tuple[RenderedFile, ...], path: PurePosixPath, text: str, mode: int
) -> None:
    with fresh_root() as root:
        outer = root.joinpath(*path.parts[1:])
        outer.parent.mkdir(parents=True, exist_ok=True)
        content = text.encode("utf-8", "surrogateescape")
        outer.write_bytes(content)
        outer.chmod(mode)
        before = listing(root)
        changes = preview(root, files)
        if changes.conflicts:
            written = write_files(root, files, force=True)
            kept = [root.joinpath(*backup.parts[1:]).read_bytes() for _, backup in written.backups]
            assert kept == [content]
        else:
            write_files(root, files)
            assert outer.read_bytes() == content
        assert not changes.conflicts or before != listing(root)


@given(files=file_sets(), complete=st.booleans())
def test_manifest_round_trip(files: tuple[RenderedFile, ...], *, complete: bool) -> None:
    entries = plan_changes(files, dict.fromkeys(PATHS), manifest=None).final_entries
    manifest = Manifest(tuple(sorted(entries, key=lambda entry: entry.path)), (), complete)
    assert parse_manifest(manifest_text(manifest), "m") == manifest


def test_every_action_occurs_in_the_sets_above() -> None:
    """Sets drawn from one small list of paths overlap: creations, updates and deletions all happen."""
    sets = [[rendered(PATHS[0], "1")], [rendered(PATHS[0], "2"), rendered(PATHS[1], "2")], []]
    seen = set()
    for first, second in itertools.product(sets, sets):
        with fresh_root() as root:
            write_files(root, first)
            seen |= {change.action for change in write_files(root, second).changes.files}
            assert all(holds(root, tuple(second)).values())
    assert seen == {Action.CREATE, Action.UPDATE, Action.KEEP, Action.DELETE}
