"""Files on a real disk: killed at every step, failing at every step, two runs at once, links, a full disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from asymgen.changes import Action, FileKind
from asymgen.errors import AsymgenError, CommandFailedError, ForeignFileError, InputError
from asymgen.manifest import MANIFEST_PATH, manifest_text
from asymgen.system.files import remove_all, write_files
from asymgen.system.locking import LOCK_PATH, locked
from asymgen.system.on_disk import preview, read_manifest, read_on_disk
from asymgen.system.tree import Tree
from tests.file_trees import HOOK, INIT, NEW, OLD, PLAN, TABLES, holds, listing, put, rendered, strays
from tests.source_tree import ROOT

AS_USER = 65534
THEIRS = "#!/bin/sh\necho a person wrote this\n"


def below(root: Path, path: PurePosixPath) -> Path:
    return root.joinpath(*path.parts[1:])


def steps_of(action: Callable[[Callable[[str], None]], object]) -> list[str]:
    """Every step that ``action`` takes."""
    seen: list[str] = []
    action(seen.append)
    return seen


@contextlib.contextmanager
def as_somebody_else(root: Path) -> Iterator[None]:
    """The rest of this test without root's rights, in a ``root`` that everybody may enter."""
    for folder in (root, *root.parents):
        if folder.stat().st_mode & 0o077 == 0:  # pytest's own folders; how many there are depends on xdist
            folder.chmod(0o755)
    os.setegid(AS_USER)
    os.seteuid(AS_USER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A root with somebody else's files in it."""
    root = tmp_path / "host"
    put(root, PurePosixPath("/etc/network/if-up.d/mountnfs"), THEIRS, mode=0o755)
    put(root, PurePosixPath("/etc/asymgen/asymgen.toml"), "rule-by = 'prefix'\n", mode=0o640)
    return root


def test_written_files_are_whole_with_their_modes(host: Path) -> None:
    write_files(host, OLD)
    assert all(holds(host, OLD).values())
    manifest = read_manifest(host)
    assert manifest is not None
    assert manifest.complete
    assert [entry.path for entry in manifest.files] == sorted(file.path for file in OLD)
    assert strays(host) == []
    for path in (HOOK, PLAN, MANIFEST_PATH):
        assert (below(host, path).stat().st_uid, below(host, path).stat().st_gid) == (os.geteuid(), os.getegid())


def test_modes_do_not_depend_on_the_umask(host: Path) -> None:
    before = os.umask(0o077)
    try:
        write_files(host, OLD)
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert all(holds(host, OLD).values())
    assert stat.S_IMODE(below(host, INIT).parent.stat().st_mode) == 0o755


def test_files_belong_to_root_in_a_directory_with_the_group_bit(host: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder = below(host, HOOK).parent
    os.chown(folder, AS_USER, AS_USER)
    folder.chmod(0o2775)
    write_files(host, OLD)
    assert (below(host, HOOK).stat().st_uid, below(host, HOOK).stat().st_gid) == (0, 0)


def test_second_run_updates_creates_and_deletes(host: Path) -> None:
    write_files(host, OLD)
    written = write_files(host, NEW)
    actions = {change.path: change.action for change in written.changes.files}
    assert actions == {HOOK: Action.UPDATE, INIT: Action.DELETE, TABLES: Action.CREATE, PLAN: Action.UPDATE}
    assert all(holds(host, NEW).values())
    assert not below(host, INIT).parent.exists()  # asymgen made /etc/init.d, and nothing is in it
    manifest = read_manifest(host)
    assert manifest is not None
    assert PurePosixPath("/etc/init.d") not in manifest.directories


def test_removed_is_as_before(host: Path) -> None:
    before = listing(host)
    write_files(host, OLD)
    write_files(host, NEW)
    remove_all(host)
    assert listing(host) == before


def test_nothing_wanted_any_more_leaves_nothing(host: Path) -> None:
    before = listing(host)
    write_files(host, OLD)
    write_files(host, ())
    assert listing(host) == before
    assert write_files(host, ()).changes.settled


def test_directories_that_others_use_by_now_stay(host: Path) -> None:
    write_files(host, OLD)
    theirs = put(host, PurePosixPath("/etc/init.d/ssh"), THEIRS)
    remove_all(host)
    assert theirs.exists()
    assert not below(host, INIT).exists()


def test_removing_where_nothing_was_written_does_nothing(host: Path) -> None:
    before = listing(host)
    assert remove_all(host).changes.files == ()
    assert listing(host) == before


# --- what is not ours ---


def test_conflict_means_nothing_is_written_anywhere(host: Path) -> None:
    put(host, INIT, THEIRS)
    before = listing(host)
    with pytest.raises(ForeignFileError, match=str(INIT)):
        write_files(host, OLD)
    assert listing(host) == before


def test_forced_keeps_a_backup_that_nobody_runs_or_reads(host: Path) -> None:
    outer = put(host, HOOK, THEIRS, mode=0o755)
    written = write_files(host, OLD, force=True)
    assert written.backups == ((HOOK, PurePosixPath(f"/var/lib/asymgen/backup{HOOK}.1")),)
    backup = below(host, written.backups[0][1])
    assert backup.read_text(encoding="utf-8") == THEIRS
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700
    assert [path.name for path in outer.parent.iterdir() if path.name != "mountnfs"] == ["asymgen"]


def test_backups_are_numbered_and_never_overwritten(host: Path) -> None:
    texts = [f"{THEIRS}# {number}\n" for number in range(3)]
    for text in texts:
        put(host, HOOK, text, mode=0o755)
        write_files(host, OLD, force=True)
    folder = below(host, PurePosixPath(f"/var/lib/asymgen/backup{HOOK.parent}"))
    assert [(folder / f"asymgen.{number + 1}").read_text(encoding="utf-8") for number in range(3)] == texts
    put(host, HOOK, texts[1], mode=0o755)
    assert write_files(host, OLD, force=True).backups[0][1].name == "asymgen.2"  # the very same is there already


def test_a_masking_link_is_no_file_of_ours_and_its_backup_says_where_it_led(host: Path) -> None:
    outer = below(host, TABLES)
    outer.parent.mkdir(parents=True)
    outer.symlink_to("/dev/null")
    with pytest.raises(ForeignFileError, match="symbolic link"):
        write_files(host, NEW)
    written = write_files(host, NEW, force=True)
    assert not outer.is_symlink()
    assert below(host, written.backups[0][1]).read_bytes() == b"symbolic link to /dev/null\n"


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo])
def test_a_directory_or_pipe_is_never_replaced(host: Path, make: Callable[[Path], None]) -> None:
    outer = below(host, INIT)
    outer.parent.mkdir(parents=True)
    make(outer)
    before = listing(host)
    with pytest.raises(ForeignFileError, match=str(INIT)):
        write_files(host, OLD, force=True)
    assert listing(host) == before


def test_removal_keeps_what_a_person_changed_and_force_takes_it_with_a_backup(host: Path) -> None:
    write_files(host, OLD)
    outer = put(host, HOOK, THEIRS, mode=0o755)
    written = remove_all(host)
    with pytest.raises(ForeignFileError, match=str(HOOK)):
        written.changes.refuse_conflicts()
    assert outer.read_text(encoding="utf-8") == THEIRS
    assert not below(host, INIT).exists()
    forced = remove_all(host, force=True)
    assert not outer.exists()
    assert below(host, forced.backups[0][1]).read_text(encoding="utf-8") == THEIRS
    assert not below(host, MANIFEST_PATH).exists()


def test_identical_file_is_taken_over_without_being_written(host: Path) -> None:
    write_files(host, OLD)
    below(host, MANIFEST_PATH).unlink()
    inode = below(host, HOOK).stat().st_ino
    assert not write_files(host, OLD).changes.pending
    assert below(host, HOOK).stat().st_ino == inode
    assert len((read_manifest(host) or pytest.fail("no manifest")).files) == len(OLD)


def test_broken_manifest_stops_everything(host: Path) -> None:
    write_files(host, OLD)
    below(host, MANIFEST_PATH).write_bytes(b"\xff\xfe")
    before = listing(host)
    for run in (preview, write_files):
        with pytest.raises(InputError, match=r"manifest\.json"):
            run(host, NEW)
    with pytest.raises(InputError, match=r"manifest\.json"):
        remove_all(host)
    assert listing(host) == before


def test_an_unreadable_file_is_a_conflict_not_a_failure(host: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    write_files(host, OLD)
    below(host, HOOK).parent.chmod(0o700)
    with as_somebody_else(host):
        found = read_on_disk(host, [HOOK])[HOOK]
    assert found is not None
    assert found.kind is FileKind.UNREADABLE


# --- links inside the root ---


def test_links_inside_the_root_are_followed_inside_the_root(host: Path, tmp_path: Path) -> None:
    (host / "etc/rc.d/init.d").mkdir(parents=True)
    (host / "etc/init.d").symlink_to("rc.d/init.d")
    (host / "etc/iproute2").symlink_to("/usr/share/iproute2")
    before = listing(host)
    write_files(host, (*OLD, rendered(TABLES, "1 x\n")))
    assert (host / "etc/rc.d/init.d/asymgen").is_file()
    assert (host / "usr/share/iproute2/rt_tables.d/asymgen.conf").is_file()
    remove_all(host)
    assert listing(host) == before


@pytest.mark.parametrize("target", ["{outside}", "../../../../../../../../../../..{outside}", "../../{name}"])
def test_links_never_lead_out_of_the_root(host: Path, tmp_path: Path, target: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (host / "etc/init.d").symlink_to(target.format(outside=outside, name=outside.name))
    write_files(host, OLD)
    assert list(outside.iterdir()) == []
    assert sum(1 for _ in host.rglob("asymgen") if _.is_file()) == 2


def test_a_circle_of_links_is_named(host: Path) -> None:
    (host / "etc/init.d").symlink_to("rc.d")
    (host / "etc/rc.d").symlink_to("init.d")
    with pytest.raises(CommandFailedError, match="Too many levels"):
        write_files(host, OLD)


def test_a_file_where_a_directory_should_be_is_named(host: Path) -> None:
    put(host, PurePosixPath("/etc/init.d"), "not a directory")
    with pytest.raises(CommandFailedError, match=r"etc/init\.d/asymgen: .*Not a directory"):
        write_files(host, OLD)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailedError, match="nowhere"):
        write_files(tmp_path / "nowhere", OLD)


# --- killed ---


def prepared(where: Path, what: str) -> Path:
    """A root in which the run ``what`` has everything to do: create, update, delete, back up."""
    put(where, PurePosixPath("/etc/network/if-up.d/mountnfs"), THEIRS, mode=0o755)
    write_files(where, OLD)
    if what == "force":
        put(where, HOOK, THEIRS, mode=0o755)
    return where


def states(root: Path) -> dict[PurePosixPath, bytes | None]:
    paths = (HOOK, INIT, TABLES, PLAN)
    return {path: None if found is None else found.content for path, found in read_on_disk(root, paths).items()}


def killed_runs(what: str, template: Path, folder: Path) -> list[Path]:
    """Trees in which a run was killed before its first step, its second…; in the last one it was not."""
    folder.mkdir()
    program = str(ROOT / "tests" / "killed_run.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, program, what, str(template), str(folder)], env=environment, check=True)
    return sorted(folder.iterdir(), key=lambda path: int(path.name))


def listing_without_lock(root: Path) -> dict[str, tuple[str, ...]]:
    """The lock file of a run killed when all was done stays; it means nothing, since the kernel's lock went."""
    return {name: what for name, what in listing(root).items() if name != str(LOCK_PATH.relative_to("/"))}


@pytest.mark.parametrize("what", ["write", "force", "remove"])
def test_killed_at_any_step_every_file_is_old_or_new_and_the_next_run_completes(what: str, tmp_path: Path) -> None:
    template = prepared(tmp_path / "template", what)
    *killed, done = killed_runs(what, template, tmp_path / "steps")
    old, new, result = states(template), states(done), listing(done)
    assert len(killed) > 10
    for root in killed:
        for path, content in states(root).items():
            assert content in (old[path], new[path]), f"step {root.name}: {path}"
        if what == "remove":
            remove_all(root)
        else:
            write_files(root, NEW, force=what == "force")
        assert listing_without_lock(root) == result, f"step {root.name}"


def test_killed_then_removed_leaves_nothing(tmp_path: Path) -> None:
    template = prepared(tmp_path / "template", "write")
    for root in killed_runs("write", template, tmp_path / "steps"):
        assert not remove_all(root).changes.conflicts
        assert [name for name in listing(root) if "asymgen" in name] == [], f"step {root.name}"
        assert not (root / "var").exists()


def test_killed_with_a_backup_half_written_then_removed_leaves_no_strays(tmp_path: Path) -> None:
    """Nothing is forced after the kill, so nobody writes that backup again."""
    template = prepared(tmp_path / "template", "force")
    for root in killed_runs("force", template, tmp_path / "steps"):
        remove_all(root)
        assert strays(root) == [], f"step {root.name}"


# --- failing ---


@pytest.mark.parametrize("what", ["write", "force", "remove"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_failing_at_any_step_is_rolled_back(what: str, number: int, tmp_path: Path) -> None:
    def run(root: Path, checkpoint: Callable[[str], None]) -> object:
        if what == "remove":
            return remove_all(root, checkpoint=checkpoint)
        return write_files(root, NEW, force=what == "force", checkpoint=checkpoint)

    template = prepared(tmp_path / "template", what)
    before = listing(template)
    done = Path(shutil.copytree(template, tmp_path / "done", symlinks=True))
    steps = steps_of(lambda checkpoint: run(done, checkpoint))
    last = next(place for place, step in enumerate(steps) if step.startswith("drop the old"))
    for place, name in enumerate(steps):
        root = Path(shutil.copytree(template, tmp_path / f"step-{place}", symlinks=True))
        with pytest.raises(CommandFailedError) as caught:
            run(root, failing_at(place, number))
        assert os.strerror(number) in caught.value.message
        assert str(root) in caught.value.message
        assert caught.value.hint
        if place < last:
            assert listing(root) == before, f"{place}: {name}"
        else:  # every file was in place: nothing is taken back, and the next run tidies up
            assert "every file is in place" in caught.value.message
            assert states(root) == states(done), name
            run(root, lambda _: None)
            assert listing(root) == listing(done), name
        shutil.rmtree(root)
    assert last > 10


def failing_at(place: int, number: int) -> Callable[[str], None]:
    def checkpoint(_step: str) -> None:
        nonlocal place
        place -= 1
        if place < 0:
            raise OSError(number, os.strerror(number))

    return checkpoint


def test_interrupted_by_hand_is_rolled_back(host: Path) -> None:
    write_files(host, OLD)
    before = listing(host)

    def checkpoint(step: str) -> None:
        if step == f"rename {PLAN}":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_files(host, NEW, checkpoint=checkpoint)
    assert listing(host) == before


def test_first_run_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    root = tmp_path / "empty"
    root.mkdir()
    for place, _ in enumerate(steps_of(lambda checkpoint: write_files(root, OLD, checkpoint=checkpoint))):
        shutil.rmtree(root)
        root.mkdir()
        with pytest.raises(CommandFailedError) as caught:
            write_files(root, OLD, checkpoint=failing_at(place, errno.ENOSPC))
        assert listing(root) == {} or "every file is in place" in caught.value.message


def test_what_cannot_be_put_back_is_named(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(host, OLD)
    real, broken = os.rename, False

    def rename(source: str, target: str, **options: int) -> None:
        if broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(source, target, **options)

    def checkpoint(step: str) -> None:
        nonlocal broken
        if step == f"rename {HOOK}":
            broken = True

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(CommandFailedError, match=r"cannot be undone.*init\.d/asymgen: cannot put back"):
        write_files(host, NEW, checkpoint=checkpoint)


def in_mount_namespace(script: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run ``script`` (sh) where mounts are its own; $1 is ``root``, $2 this Python."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-eu", "-c", script, "sh", str(root), sys.executable],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip


WRITE = textwrap.dedent("""
    import sys
    from pathlib import Path
    from tests.file_trees import OLD, listing, rendered, HOOK, PLAN
    from asymgen.errors import AsymgenError
    from asymgen.system.files import write_files
    root, size = Path(sys.argv[1]), int(sys.argv[2])
    before = listing(root)
    try:
        write_files(root, [rendered(HOOK, "#!/bin/sh\\n", 0o755), rendered(PLAN, "x" * size)])
    except AsymgenError as error:
        print(type(error).__name__, error.exit_code, error.message, error.hint)
    print("unchanged" if listing(root) == before else "changed")
""")


@pytest.mark.netns
def test_really_full_disk(tmp_path: Path) -> None:
    program = tmp_path / "write.py"
    program.write_text(WRITE, encoding="utf-8")
    run = f'"$2" {program} "$1"'
    script = f'mount -t tmpfs -o size=128k tmpfs "$1"; {run} 1000; {run} 500000; {run} 10'
    root = tmp_path / "small"
    root.mkdir()
    lines = in_mount_namespace(script, root).stdout.splitlines()
    assert lines[0] == "changed"
    assert lines[1].startswith("CommandFailedError 5 ")
    assert f"{root}{PLAN}: cannot write: No space left on device; nothing was changed" in lines[1]
    assert lines[2:] == ["unchanged", "changed"]


@pytest.mark.netns
@pytest.mark.parametrize("below_root", ["", "/etc"])
def test_really_read_only(tmp_path: Path, below_root: str) -> None:
    program = tmp_path / "write.py"
    program.write_text(WRITE, encoding="utf-8")
    root = tmp_path / "fixed"
    (root / "etc").mkdir(parents=True)
    script = f'mount -t tmpfs -o ro tmpfs "$1{below_root}"; "$2" {program} "$1" 10'
    lines = in_mount_namespace(script, root).stdout.splitlines()
    assert "Read-only file system" in lines[0]
    assert "mounted read-only" in lines[0]
    assert lines[1] == "unchanged"
    assert list((root / "etc").iterdir()) == []


def test_without_rights(host: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    before = listing(host)
    with as_somebody_else(host), pytest.raises(CommandFailedError) as caught:
        write_files(host, OLD)
    assert "Permission denied" in caught.value.message
    assert "run it as root" in caught.value.hint
    assert listing(host) == before


# --- two at once ---


@pytest.fixture
def holder(host: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is told otherwise."""
    script = """
        import sys
        from pathlib import Path
        from asymgen.system.locking import locked
        from asymgen.system.tree import Tree
        with locked(Tree(Path(sys.argv[1])), checkpoint=lambda _: None):
            print("held", flush=True)
            sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(host)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        with contextlib.suppress(BrokenPipeError):
            process.communicate()


def test_second_run_is_refused_and_told_who_is_at_it(host: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(CommandFailedError) as caught:
        write_files(host, OLD, patience=0.2)
    assert f"pid {holder.pid}: -c {host}" in caught.value.message
    assert str(below(host, LOCK_PATH)) in caught.value.message
    assert not below(host, HOOK).exists()
    with pytest.raises(CommandFailedError):
        remove_all(host, patience=0)


def test_second_run_waits_for_the_first(host: Path, holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None
    holder.stdin.close()
    holder.stdin = None
    write_files(host, OLD, patience=30)
    assert all(holds(host, OLD).values())


def test_a_killed_holder_holds_nothing(host: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    write_files(host, OLD, patience=0)
    assert strays(host) == []


def test_lock_of_an_unlinked_file_counts_for_nothing(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder unlinks the file when it ends: whoever had opened it before gets a lock on nothing."""
    real, turns = fcntl.flock, itertools.count()

    def flock(descriptor: int, operation: int) -> None:
        if next(turns) == 0:
            below(host, LOCK_PATH).unlink()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(Tree(host), checkpoint=lambda _: None):
        assert below(host, LOCK_PATH).read_text(encoding="utf-8").startswith(f"pid {os.getpid()}: ")
    assert next(turns) == 2


def test_a_lock_file_that_is_removed_meanwhile_is_no_failure_and_the_next_one_is_not_ours(host: Path) -> None:
    with locked(Tree(host), checkpoint=lambda _: None):
        below(host, LOCK_PATH).unlink()
        below(host, LOCK_PATH).write_text("another's", encoding="utf-8")
    assert below(host, LOCK_PATH).read_text(encoding="utf-8") == "another's"


def test_where_nothing_can_be_made_the_wait_ends() -> None:
    """mkdir(2) below /proc says "no such file": so does a directory that another run took away just now."""
    with pytest.raises(CommandFailedError, match=r"^/proc/var/lib/asymgen/lock: cannot take the lock"):
        write_files(Path("/proc"), OLD, patience=0.1)


def test_many_runs_at_once_all_succeed(tmp_path: Path) -> None:
    """They make and remove the state directory under each other's feet."""
    root = tmp_path / "host"
    (root / "var" / "lib").mkdir(parents=True)
    script = """
        import sys
        from pathlib import Path
        from tests.file_trees import NEW, OLD
        from asymgen.system.files import remove_all, write_files
        for turn in range(8):
            write_files(Path(sys.argv[1]), OLD if turn % 2 else NEW, patience=60)
            remove_all(Path(sys.argv[1]), patience=60)
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", textwrap.dedent(script), str(root)],
                    env=environment, stderr=subprocess.PIPE, text=True,
                )
            )
            for _ in range(3)
        ]  # fmt: skip
        errors = [process.communicate()[1] for process in running]
    assert errors == ["", "", ""]
    assert set(listing(root)) == {"var", "var/lib"}


# --- names and labels ---


def test_names_of_a_run_under_way_are_passed_by(host: Path) -> None:
    """A hook's half-written successor must not be run: asked of run-parts itself."""
    seen: set[str] = set()
    folder = below(host, HOOK).parent
    write_files(host, OLD)

    def checkpoint(_step: str) -> None:
        if not folder.is_dir():
            return
        seen.update(path.name for path in folder.iterdir())
        run = subprocess.run(["run-parts", "--list", str(folder)], capture_output=True, text=True, check=True)
        assert {Path(line).name for line in run.stdout.splitlines()} == {"asymgen", "mountnfs"}

    write_files(host, NEW, checkpoint=checkpoint)
    strange = seen - {"asymgen", "mountnfs"}
    assert len(strange) == 2
    assert all(name.startswith(".") and name.endswith("~") for name in strange)


def test_relabel_is_asked_for_what_was_written(host: Path) -> None:
    calls: list[list[str]] = []
    write_files(host, OLD, relabel=lambda paths: calls.append(list(paths)))
    written = {str(below(host, file.path)) for file in OLD}
    assert len(calls) == 1
    assert written <= set(calls[0])
    assert str(host / "etc/init.d") in calls[0]
    write_files(host, OLD, relabel=lambda paths: calls.append(list(paths)))
    assert len(calls) == 1


def test_a_run_killed_before_relabelling_is_relabelled_by_the_next(host: Path) -> None:
    write_files(host, OLD)
    manifest = below(host, MANIFEST_PATH)
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"complete": true', '"complete": false'), "utf-8")
    calls: list[list[str]] = []
    write_files(host, OLD, relabel=lambda paths: calls.append(list(paths)))
    assert calls == [sorted(str(below(host, file.path)) for file in OLD)]
    assert (read_manifest(host) or pytest.fail("no manifest")).complete


def test_the_manifest_says_that_a_run_is_under_way(host: Path) -> None:
    complete: list[bool] = []

    def relabel(_paths: object) -> None:
        complete.append((read_manifest(host) or pytest.fail("no manifest")).complete)

    write_files(host, OLD, relabel=relabel)
    assert complete == [False]
    assert (read_manifest(host) or pytest.fail("no manifest")).complete


def test_failing_relabel_is_rolled_back(host: Path) -> None:
    before = listing(host)

    def relabel(_paths: object) -> None:
        raise CommandFailedError("restorecon: exit code 255")

    with pytest.raises(CommandFailedError, match="restorecon: exit code 255; nothing was changed"):
        write_files(host, OLD, relabel=relabel)
    assert listing(host) == before


def test_the_manifest_is_what_its_module_says(host: Path) -> None:
    write_files(host, OLD)
    manifest = read_manifest(host)
    assert manifest is not None
    assert below(host, MANIFEST_PATH).read_text(encoding="ascii") == manifest_text(manifest)


def test_errors_are_ours() -> None:
    assert issubclass(CommandFailedError, AsymgenError)
