"""The command line's contract: exit codes, what is read and written where, and what is never touched."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from tests.case_files import DIRECTORY
from tests.command_line import TREE, asymgen, tree_of

TWO_SUBNETS = str(DIRECTORY / "two-subnets" / "snapshot.json")
ONE_UPLINK = str(DIRECTORY / "one-uplink" / "snapshot.json")
UNRESOLVED = str(DIRECTORY / "azure-unresolved" / "snapshot.json")


def snapshot(path: str = TWO_SUBNETS) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


def saved(folder: Path, document: dict[str, Any]) -> str:
    path = folder / "snapshot.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def write(root: Path, *options: str, host: str = TWO_SUBNETS) -> subprocess.CompletedProcess[str]:
    return asymgen("detect", "--snapshot", host, "--root", str(root), "--write", *options)


# --- detect changes nothing ------------------------------------------------------------------------


def test_detect_shows_and_writes_nothing(tmp_path: Path) -> None:
    done = asymgen("detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "leave by eth0 via 192.0.2.1, should leave by eth1 via 198.51.100.1" in done.stdout
    assert "create  /etc/network/if-up.d/asymgen" in done.stdout
    assert "+++ b/etc/network/if-up.d/asymgen" in done.stdout
    assert tree_of(tmp_path) == {}


@pytest.mark.parametrize(("lost", "says"), [("LOWER_UP", "without carrier now"), ("UP", "down now")])
def test_an_uplink_that_is_away_is_said_beside_its_answers(tmp_path: Path, lost: str, says: str) -> None:
    document = snapshot()
    flags = next(link["flags"] for link in document["links"] if link["ifname"] == "eth1")
    flags.remove(lost)
    lines = asymgen("detect", "--snapshot", saved(tmp_path, document)).stdout.splitlines()
    told = [line for line in lines if line.endswith(f", {says}")]
    assert [line.split()[:2] for line in told] == [["eth1", "uplink"]], lines[:6]


def test_a_snapshot_comes_from_standard_input_too() -> None:
    text = Path(TWO_SUBNETS).read_text(encoding="utf-8")
    assert (
        asymgen("detect", "--snapshot", "-", stdin=text).stdout == asymgen("detect", "--snapshot", TWO_SUBNETS).stdout
    )


def test_check_tells_by_its_exit_code(tmp_path: Path) -> None:
    options = ("detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path), "--check")
    done = asymgen(*options)
    assert done.returncode == 1
    assert "wrong answers" in done.stderr
    assert write(tmp_path).returncode == 0
    done = asymgen(*options)
    assert done.returncode == 1, "the files are there, but the snapshot's answers are still wrong"
    assert "0 files to be written" in done.stderr
    assert asymgen("detect", "--snapshot", ONE_UPLINK, "--check").returncode == 0


def test_check_advises_the_same_host_and_choices(tmp_path: Path) -> None:
    """Advice that names another host's plan, or none, would be typed on this one."""
    choices = ("--gateway", "eth1=198.51.100.9", "--backend", "sysv")
    host = ("--snapshot", TWO_SUBNETS)
    rooted = (*host, "--root", str(tmp_path))
    done = asymgen("detect", "--check", *host, *choices)
    wanted = f"detect --gateway eth1=198.51.100.9 --write --snapshot {TWO_SUBNETS} --root DIR --backend sysv` writes"
    assert wanted in done.stderr
    advice = asymgen("detect", "--check", *rooted).stderr.split("`")[1].split()
    assert asymgen(*advice[advice.index("detect") :]).returncode == 0
    assert f"the files below {tmp_path} take effect on the host" in asymgen("detect", "--check", *rooted).stderr
    hook = tmp_path / "etc/network/if-up.d/asymgen"
    hook.write_text("#!/bin/sh\n# mine\n")
    assert "move it away, or add --force" in asymgen("detect", "--check", *rooted).stderr


def test_nothing_to_do_is_said_and_writes_nothing(tmp_path: Path) -> None:
    done = write(tmp_path, host=ONE_UPLINK)
    assert (done.returncode, tree_of(tmp_path)) == (0, {})
    assert "nothing to do" in done.stdout
    assert "Nothing to do" in asymgen("detect", "--snapshot", ONE_UPLINK).stdout


def test_an_interface_without_known_gateway_is_named_with_the_option() -> None:
    done = asymgen("detect", "--snapshot", UNRESOLVED)
    assert "no gateway known; if it should answer by itself, give --gateway" in done.stdout


# --- write -----------------------------------------------------------------------------------------


def test_write_twice_and_remove_leaves_the_tree_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "hostname").write_text("web1\n", encoding="utf-8")
    before = tree_of(tmp_path)
    first = write(tmp_path)
    assert first.returncode == 0, first.stderr
    written = tree_of(tmp_path)
    hook = tmp_path / "etc/network/if-up.d/asymgen"
    assert hook.stat().st_mode & 0o777 == 0o755
    again = write(tmp_path)
    assert "nothing to write" in again.stdout
    assert tree_of(tmp_path) == written
    removed = asymgen("remove", "--root", str(tmp_path))
    assert removed.returncode == 0, removed.stderr
    assert tree_of(tmp_path) == before


def test_a_file_changed_by_hand_is_never_overwritten_untold(tmp_path: Path) -> None:
    write(tmp_path)
    hook = tmp_path / "etc/network/if-up.d/asymgen"
    hook.write_text("#!/bin/sh\n# mine\n", encoding="utf-8")
    before = tree_of(tmp_path)
    done = write(tmp_path)
    assert done.returncode == 4
    assert "/etc/network/if-up.d/asymgen: changed by hand" in done.stderr
    assert "--force" in done.stderr
    assert tree_of(tmp_path) == before
    forced = write(tmp_path, "--force")
    assert forced.returncode == 0
    assert "backup of /etc/network/if-up.d/asymgen: " in forced.stdout
    backup = forced.stdout.split("backup of /etc/network/if-up.d/asymgen: ")[1].splitlines()[0]
    assert (tmp_path / backup.lstrip("/")).read_text(encoding="utf-8") == "#!/bin/sh\n# mine\n"


def test_somebody_elses_file_stays_also_on_removal(tmp_path: Path) -> None:
    theirs = tmp_path / "etc/network/if-up.d/asymgen"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs\n", encoding="utf-8")
    before = tree_of(tmp_path)
    assert write(tmp_path).returncode == 4
    assert tree_of(tmp_path) == before
    assert asymgen("remove", "--root", str(tmp_path)).returncode == 0
    assert tree_of(tmp_path) == before


def test_the_files_of_an_uplink_that_went_away_go_as_well(tmp_path: Path) -> None:
    assert write(tmp_path).returncode == 0
    fewer = asymgen("detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path), "--exclude", "eth1", "--write")
    assert fewer.returncode == 0
    assert "delete /etc/network/if-up.d/asymgen" in fewer.stdout
    files = [path for path, (mode, _) in tree_of(tmp_path).items() if stat.S_ISREG(mode)]
    assert files == ["etc/asymgen/plan.json", "var/lib/asymgen/manifest.json"], "its numbers wait for it"
    assert asymgen("remove", "--root", str(tmp_path)).returncode == 0
    assert tree_of(tmp_path) == {}


def test_numbers_are_kept_below_the_root(tmp_path: Path) -> None:
    write(tmp_path, "--table-base", "40")
    done = asymgen("detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path), "--format", "json")
    assert [uplink["table"] for uplink in json.loads(done.stdout)["uplinks"]] == [40, 41]
    assert json.loads(done.stdout)["changed"] == []


def test_numbers_are_kept_in_a_directory_of_plans(tmp_path: Path) -> None:
    plans, root = tmp_path / "plans", tmp_path / "root"
    plans.mkdir()
    root.mkdir()
    done = write(root, "--plan", str(plans), "--table-base", "40")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in plans.iterdir()] == ["two-subnets.json"]
    assert not (root / "etc/asymgen").exists()
    done = asymgen("detect", "--snapshot", TWO_SUBNETS, "--plan", str(plans), "--format", "json")
    assert [uplink["table"] for uplink in json.loads(done.stdout)["uplinks"]] == [40, 41]


def test_lasting_choices_are_read_below_the_root_and_the_command_line_wins(tmp_path: Path) -> None:
    choices = tmp_path / "etc/asymgen/asymgen.toml"
    choices.parent.mkdir(parents=True)
    choices.write_text('table-base = 70\ngateway = ["eth1=198.51.100.7"]\n', encoding="utf-8")

    def uplinks(*options: str) -> list[tuple[int, str]]:
        done = asymgen("detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path), "--format", "json", *options)
        return [(uplink["table"], uplink["gateway"]) for uplink in json.loads(done.stdout)["uplinks"]]

    assert uplinks() == [(70, "192.0.2.1"), (71, "198.51.100.7")]
    assert uplinks("--table-base", "80", "--gateway", "eth1=198.51.100.8") == [(80, "192.0.2.1"), (81, "198.51.100.8")]
    choices.write_text("tables = 70\n", encoding="utf-8")
    done = asymgen("detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path))
    assert done.returncode == 6
    assert "asymgen.toml: unknown key 'tables'" in done.stderr
    assert "known keys:" in done.stderr


def test_another_file_of_lasting_choices(tmp_path: Path) -> None:
    """It counts for a bare snapshot as well, is the plan's as if typed, and the host's own is not read beside it."""
    ours = tmp_path / "ours.toml"
    ours.write_text('table-base = 70\ngateway = ["eth1=198.51.100.7"]\nexclude = ["eth9"]\n', encoding="utf-8")
    host = tmp_path / "root/etc/asymgen/asymgen.toml"
    host.parent.mkdir(parents=True)
    host.write_text("nonsense", encoding="utf-8")
    typed = asymgen("commands", "--snapshot", TWO_SUBNETS, "--table-base", "70", "--gateway", "eth1=198.51.100.7")
    read = asymgen("commands", "--snapshot", TWO_SUBNETS, "--config", str(ours))
    assert typed.stdout == read.stdout
    assert "table 70" in read.stdout
    done = asymgen("detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path / "root"), "--config", str(ours))
    assert done.returncode == 0, done.stderr
    assert f"{ours} names eth9, which is not there now" in done.stdout
    done = asymgen(
        "detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path / "root"), "--config", str(ours), "--check"
    )
    assert f"--config {ours}" in done.stderr, "the command that it advises plans the same"
    plans = []
    for name, options in (
        ("read", ("--config", str(ours))),
        ("typed", ("--table-base", "70", "--gateway", "eth1=198.51.100.7")),
    ):
        folder = tmp_path / name
        folder.mkdir()
        asymgen("detect", "--snapshot", TWO_SUBNETS, "--root", str(folder), "--write", *options)
        plans.append((folder / "etc/asymgen/plan.json").read_text(encoding="utf-8"))
    assert plans[0] == plans[1]


def test_another_file_of_lasting_choices_must_be_there(tmp_path: Path) -> None:
    done = asymgen("detect", "--snapshot", TWO_SUBNETS, "--config", str(tmp_path / "nowhere.toml"))
    assert done.returncode == 6
    assert "nowhere.toml: there is no such file" in done.stderr
    ours = tmp_path / "ours.toml"
    ours.write_text('table-base = "70"\n', encoding="utf-8")
    done = asymgen("detect", "--snapshot", TWO_SUBNETS, "--config", str(ours))
    assert done.returncode == 6
    assert f"{ours}: key 'table-base' is '70', wanted a number from 1 to 4294967295" in done.stderr


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["detect", "--frobnicate"], 2, "No such option"),
        (["detect", "--snapshot", TWO_SUBNETS, "--write", "--check", "--root", "/tmp"], 2, "give one of them"),
        (["detect", "--snapshot", TWO_SUBNETS, "--write"], 2, "--root DIR"),
        (["detect", "--snapshot", TWO_SUBNETS, "--gateway", "eth9=192.0.2.1"], 2, "its interfaces: eth0, eth1"),
        (["detect", "--snapshot", TWO_SUBNETS, "--backend", "netplan"], 2, "known: ifupdown"),
        (["detect", "--snapshot", TWO_SUBNETS, "--priority-base", "32760"], 3, "give a lower --priority-base"),
        (["detect", "--snapshot", "/nonexistent.json"], 6, "there is no such file"),
        (["detect", "--snapshot", "x" * 300], 6, "cannot be read: File name too long"),
        (["detect", "--snapshot", "/"], 6, "cannot be read: Is a directory"),
        (["detect", "--root", "/nonexistent"], 6, "there is no such directory"),
        (["commands", "--snapshot", "-"], 6, "standard input"),
    ],
)
def test_refusals_name_the_thing_and_the_next_step(arguments: list[str], code: int, says: str) -> None:
    done = asymgen(*arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_snapshot_that_cannot_be_read_names_file_and_key(tmp_path: Path) -> None:
    document = snapshot()
    document["routes4"][0]["dst"] = "192.0.2.300"
    path = saved(tmp_path, document)
    done = asymgen("detect", "--snapshot", path)
    assert done.returncode == 6
    assert path in done.stderr
    assert "routes4[0].dst" in done.stderr
    assert "192.0.2.300" in done.stderr


def test_a_plan_of_another_machine_is_said_and_ignored(tmp_path: Path) -> None:
    write(tmp_path, "--table-base", "40")
    document = snapshot()
    document["machine_id"] = "f" * 32
    done = asymgen("detect", "--snapshot", saved(tmp_path, document), "--root", str(tmp_path), "--format", "json")
    parsed = json.loads(done.stdout)
    assert [uplink["table"] for uplink in parsed["uplinks"]] == [1, 2]
    assert any("belongs to machine" in note for note in parsed["notes"])


def test_writing_without_root_rights_gives_the_whole_command(tmp_path: Path) -> None:
    """sudo does not see a virtual environment: the command names asymgen by its whole path."""
    script = tmp_path / "asymgen"
    # The checkout may lie where only root can read: the modules are loaded before the rights are dropped.
    script.write_text(
        "import os, sys\n"
        "import asymgen.cli, asymgen.cli.detect\n"
        "os.geteuid() or os.setuid(65534)\n"
        "asymgen.cli.main()\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(script), "detect", "--write", "--gateway", "eth1=198.51.100.1"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(TREE)},
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "needs root" in done.stderr
    assert f"run: sudo {script} detect" in done.stderr
    assert "detect --write --gateway eth1=198.51.100.1" in done.stderr


def test_a_given_gateway_outlives_an_uplink_that_is_away(tmp_path: Path) -> None:
    write(tmp_path, "--gateway", "eth1=198.51.100.9")
    document = snapshot()
    for key in ("links", "addrs"):
        document[key] = [one for one in document[key] if one["ifname"] != "eth1"]
    for key in ("routes4", "routes6"):
        document[key] = [route for route in document[key] if route.get("dev") != "eth1"]
    away = saved(tmp_path, document)
    assert write(tmp_path, host=away).returncode == 0
    back = asymgen("detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path), "--format", "json")
    assert [uplink["gateway"] for uplink in json.loads(back.stdout)["uplinks"]] == ["192.0.2.1", "198.51.100.9"]


def test_a_lasting_choice_for_an_interface_that_is_away_is_a_note(tmp_path: Path) -> None:
    choices = tmp_path / "etc/asymgen/asymgen.toml"
    choices.parent.mkdir(parents=True)
    choices.write_text('gateway = ["eth7=203.0.113.1"]\n', encoding="utf-8")
    done = asymgen("detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "asymgen.toml names eth7, which is not there now" in done.stdout
    choices.write_text('gateway = ["eth7=1.2.3"]\n', encoding="utf-8")
    done = asymgen("detect", "--snapshot", TWO_SUBNETS, "--root", str(tmp_path))
    assert (done.returncode, "asymgen.toml: --gateway eth7=1.2.3" in done.stderr) == (6, True)


def test_a_plan_directory_is_looked_for_before_anything_is_written(tmp_path: Path) -> None:
    done = write(tmp_path, "--plan", str(tmp_path / "nowhere"))
    assert (done.returncode, tree_of(tmp_path)) == (6, {})


def test_unresolved_interfaces_are_named_by_every_command(tmp_path: Path) -> None:
    for done in (write(tmp_path, host=UNRESOLVED), asymgen("commands", "--snapshot", UNRESOLVED)):
        assert "give --gateway" in done.stdout + done.stderr


# --- commands --------------------------------------------------------------------------------------


def test_commands_are_ip_commands_and_undo_takes_back_each() -> None:
    done = asymgen("commands", "--snapshot", TWO_SUBNETS)
    undone = asymgen("commands", "--snapshot", TWO_SUBNETS, "--undo")
    assert (done.returncode, undone.returncode) == (0, 0)

    def words(text: str, verb: str) -> set[str]:
        return {
            line.split(verb, 1)[1]
            for line in text.splitlines()
            if verb in line and line.startswith(("ensure", "forget"))
        }

    assert words(done.stdout, "rule add ") == words(undone.stdout, "rule del ") != set()
    assert words(done.stdout, "route replace ") == words(undone.stdout, "route del ") != set()


def test_every_command_shows_an_example() -> None:
    for name in ("detect", "commands", "snapshot", "remove"):
        done = asymgen(name, "--help")
        assert done.returncode == 0
        assert "Example" in done.stdout
        assert f"asymgen {name}" in done.stdout


def test_a_defect_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    broken = tmp_path / "sitecustomize.py"
    broken.write_text("import asymgen.planner\ndel asymgen.planner.find_uplinks\n", encoding="utf-8")
    done = asymgen("commands", "--snapshot", TWO_SUBNETS, environment={"PYTHONPATH": f"{tmp_path}:{TREE}"})
    assert done.returncode == 70
    assert "this is a defect in asymgen" in done.stderr


# --- standard input and output that are not there ----------------------------------------------------


CONSOLE_SCRIPT = ("-c", "import sys; from asymgen.cli import main; sys.exit(main())")
"""As pip writes it. It ends without Python's own end, ``python -m asymgen`` with it; both say the same."""
both_ways_to_start = pytest.mark.parametrize("start", [("-m", "asymgen"), CONSOLE_SCRIPT], ids=["module", "script"])


def started(
    start: tuple[str, ...], *words: str, stdout: int | IO[str] = subprocess.PIPE, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """A process with buffered output, whatever the environment here says; ``before`` is a folder with modules."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, *start, *words], cwd=TREE, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
        env={**environment, "PYTHONPATH": f"{before}:{TREE}"},
    )  # fmt: skip


@both_ways_to_start
@pytest.mark.parametrize("words", [(), ("--check",), ("--format", "json", "--check")], ids=" ".join)
def test_output_that_is_full_is_no_defect(start: tuple[str, ...], words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = started(start, "detect", *words, "--snapshot", TWO_SUBNETS, stdout=full)
    assert (done.returncode, done.stderr.splitlines()[0]) == (5, "asymgen: cannot write: No space left on device")


def test_an_output_that_takes_ascii_alone_is_no_defect() -> None:
    """As in a cron job in the C locale with Python's UTF-8 mode switched off."""
    done = asymgen("detect", "--snapshot", TWO_SUBNETS, environment={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert not done.stdout.isascii()


@both_ways_to_start
@pytest.mark.parametrize("output", ["text", "json"])
def test_a_reader_that_goes_away_is_no_defect(start: tuple[str, ...], output: str) -> None:
    """As in ``asymgen detect | head``: a failure, and nobody is told."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody_reads:
        done = started(start, "detect", "--format", output, "--snapshot", TWO_SUBNETS, stdout=nobody_reads)
    assert (done.returncode, done.stderr) == (1, "")


@both_ways_to_start
@pytest.mark.parametrize(
    ("ends", "code", "words"), [("return", 0, ""), ("raise e.InputError('no')", 6, "asymgen: no\n")]
)
def test_all_that_is_said_arrives(start: tuple[str, ...], ends: str, code: int, words: str, tmp_path: Path) -> None:
    """``print`` flushes nothing into a pipe; what comes last is said here by no click.echo, which does."""
    (tmp_path / "sitecustomize.py").write_text(
        "import asymgen.cli.detect as d, asymgen.errors as e\n"
        f"def says(**_):\n    print('said')\n    {ends}\n"
        "d.command.callback = says\n",
        encoding="utf-8",
    )
    done = started(start, "detect", before=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (code, "said\n", words)


def test_the_module_ends_as_python_does() -> None:
    """A profiler writes at the end of the process what it saw."""
    done = started(("-m", "cProfile", "-m", "asymgen"), "--version")
    assert "function calls" in done.stdout


@pytest.mark.parametrize(
    ("closed", "source", "code"), [(">&-", TWO_SUBNETS, 0), ("<&-", TWO_SUBNETS, 0), ("<&-", "-", 6), ("2>&-", "-", 6)]
)
def test_closed_files_are_no_defect(closed: str, source: str, code: int) -> None:
    """As a daemon or a cron job may have them. Nothing that is read or written gets their numbers."""
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    done = asymgen("detect", "--snapshot", source, prefix=shell)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == code
