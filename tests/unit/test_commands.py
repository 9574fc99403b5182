"""The runner: exit codes, bytes, PATH, echo. Real programs, no stand-ins."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from asymgen.errors import CommandFailedError
from asymgen.system.commands import MissingProgramError, Runner, pasteable

RUN = Runner().run
NOT_UTF8 = b"\xff\xfe".decode("utf-8", "surrogateescape")


def test_result() -> None:
    result = RUN(("sh", "-c", "echo out; echo err >&2; exit 3"), check=False)
    assert (result.returncode, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_failure_names_command_code_and_last_line() -> None:
    with pytest.raises(CommandFailedError) as caught:
        RUN(("sh", "-c", "echo first >&2; echo last words >&2; exit 7"))
    assert "exit code 7: last words" in caught.value.message
    assert caught.value.message.startswith("sh -c ")
    assert "first" not in caught.value.message.partition("exit code")[2]
    assert caught.value.exit_code == 5


def test_death_by_signal() -> None:
    with pytest.raises(CommandFailedError, match="killed by signal 9"):
        RUN(("sh", "-c", "kill -9 $$"))


def test_missing_program_is_told_apart() -> None:
    with pytest.raises(MissingProgramError, match="no-such-program-here: no such program"):
        RUN(("no-such-program-here",), check=False)
    assert not Runner().has("no-such-program-here")
    assert Runner().has("sh")


def test_program_that_cannot_be_started(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n", encoding="utf-8")
    broken.chmod(0o755)
    with pytest.raises(CommandFailedError, match="broken: "):
        RUN((str(broken),))


def test_timeout() -> None:
    with pytest.raises(CommandFailedError, match=r"sleep 30: no end after 0\.1 seconds"):
        RUN(("sleep", "30"), timeout=0.1)


def test_bytes_go_in_and_come_out() -> None:
    assert RUN(("cat",), input=NOT_UTF8).stdout == NOT_UTF8
    assert RUN(("printf", "%s", NOT_UTF8)).stdout == NOT_UTF8


def test_standard_input_is_empty_unless_given() -> None:
    assert RUN(("cat",)).stdout == ""


def test_c_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert RUN(("sh", "-c", 'printf %s "$LC_ALL"')).stdout == "C"


def test_system_folders_stand_behind_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = tmp_path / "sh-first"
    first.write_text("#!/bin/sh\necho mine\n", encoding="utf-8")
    first.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    runner = Runner()
    assert runner.run(("sh-first",)).stdout == "mine\n"
    path = runner.run(("sh", "-c", 'printf %s "$PATH"')).stdout.split(":")
    assert path == [str(tmp_path), "/usr/sbin", "/sbin", "/usr/bin", "/bin"]


def test_echo_can_be_pasted() -> None:
    lines: list[str] = []
    hostile = ("printf", "%s|", "a b", "$(id)", "it's", 'qu"ote', "back\\slash", "new\nline", "")
    runner = Runner(echo=lines.append)
    printed = runner.run(hostile).stdout
    assert runner.run(("sh", "-c", lines[0][2:])).stdout == printed
    assert shlex.split(pasteable(hostile)) == list(hostile)


def test_silent_without_echo(capfd: pytest.CaptureFixture[str]) -> None:
    RUN((sys.executable, "-c", "print('out')"))
    assert capfd.readouterr() == ("", "")


def whole(_: Sequence[str], pieces: Iterator[str]) -> str:
    return "".join(pieces)


def test_commands_together_run_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for the other's file: one after the other they would never end."""
    wait = 'touch "$1"; until [ -e "$2" ]; do sleep 0.01; done; echo "$3"; exit "$3"'
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    found = Runner().read_together(
        [("sh", "-c", wait, "sh", one, other, "3"), ("sh", "-c", wait, "sh", other, one, "4")], whole
    )
    assert [(result.returncode, output) for result, output in found] == [(3, "3\n"), (4, "4\n")]


def test_more_than_a_pipe_holds_from_each_of_several() -> None:
    big = ("sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x")
    assert [len(output) for _, output in Runner().read_together([big, big, big], whole)] == [300000] * 3


def test_output_arrives_while_it_is_written_and_errors_beside_it(tmp_path: Path) -> None:
    """The program waits for a file that is only made once its first line was read; its errors fill a pipe meanwhile."""
    script = (
        'echo first; head -c 300000 /dev/zero | tr "\\0" x >&2; until [ -e "$1" ]; do sleep 0.01; done; echo second'
    )
    there = tmp_path / "there"

    def read(_: Sequence[str], pieces: Iterator[str]) -> list[str]:
        first = next(filter(None, pieces))
        there.touch()
        return [first, "".join(pieces)]

    ((result, output),) = Runner().read_together([("sh", "-c", script, "sh", str(there))], read)
    assert output == ["first\n", "second\n"]
    assert len(result.stderr) == 300000


def test_a_character_between_two_pieces_stays_whole() -> None:
    """An odd byte before, so that two-byte characters lie across every border of pieces; at the end half a one."""
    script = "printf x; head -c 200000 /dev/zero | LC_ALL=C sed 's/./\\xc3\\xa9/g'; printf '\\303'"
    ((_, output),) = Runner().read_together([("sh", "-c", script)], whole)
    assert output == "x" + "é" * 200000 + "\udcc3"


def test_what_is_not_read_is_thrown_away() -> None:
    """A reader that stops early does not leave the program before a full pipe."""
    big = ("sh", "-c", "head -c 300000 /dev/zero; exit 3")
    ((result, output),) = Runner().read_together([big], lambda _, pieces: len(next(pieces)), timeout=30.0)
    assert result.returncode == 3
    assert 0 < output < 300000


def test_a_program_that_closes_its_pipes_and_stays_is_ended(tmp_path: Path) -> None:
    name = tmp_path / "pid"
    staying = ("sh", "-c", 'echo $$ >"$1"; exec sleep 60 >&- 2>&-', "sh", str(name))
    with pytest.raises(CommandFailedError, match="no end after"):
        Runner().read_together([staying], whole, timeout=2.0)
    with pytest.raises(ProcessLookupError):
        os.kill(int(name.read_text(encoding="utf-8")), 0)


def test_none_of_several_outlives_a_failure(tmp_path: Path) -> None:
    """The one that takes too long is ended, and so is the one behind it."""
    files = str(tmp_path / "first"), str(tmp_path / "second")
    sleeping = [("sh", "-c", 'echo $$ >"$1"; exec sleep 60', "sh", name) for name in files]
    started = ("sh", "-c", 'until [ -s "$1" ] && [ -s "$2" ]; do sleep 0.01; done', "sh", *files)
    with pytest.raises(CommandFailedError, match="no end after"):
        Runner().read_together([started, *sleeping], whole, timeout=5.0)
    for name in files:
        with pytest.raises(ProcessLookupError):
            os.kill(int(Path(name).read_text(encoding="utf-8")), 0)
    with pytest.raises(MissingProgramError):
        Runner().read_together([("true",), ("no-such-program-here",)], whole)


def test_what_was_started_ahead_is_not_started_again(tmp_path: Path) -> None:
    """It waits for a file that is made after it started, and notes each start."""
    started: list[str] = []
    runner = Runner(echo=started.append)
    asked = ("sh", "-c", 'until [ -e "$1" ]; do sleep 0.01; done; head -c 300000 /dev/zero; exit 3', "sh",
             str(tmp_path / "go"))  # fmt: skip
    with runner.ahead([asked]):
        assert len(started) == 1
        (tmp_path / "go").touch()
        result = runner.run(asked, check=False)
        assert (result.argv, result.returncode, len(result.stdout), len(started)) == (asked, 3, 300000, 1)
        runner.run(asked, check=False)
    runner.run(asked, check=False)
    assert len(started) == 3


def test_what_was_started_ahead_fails_as_ever() -> None:
    runner = Runner()
    with runner.ahead([("false",), ("no-such-program-here",)]):
        with pytest.raises(CommandFailedError, match="false: exit code 1"):
            runner.run(("false",))
        with pytest.raises(MissingProgramError):
            runner.run(("no-such-program-here",))


def test_what_nobody_asked_for_is_ended(tmp_path: Path) -> None:
    started, ended = tmp_path / "started", tmp_path / "ended"
    code = (
        "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(3); pathlib.Path(sys.argv[2]).touch()"
    )
    unasked = (sys.executable, "-c", code, str(started), str(ended))
    runner = Runner()
    with runner.ahead([unasked]):
        runner.run(("sh", "-c", 'until [ -e "$1" ]; do sleep 0.01; done', "sh", str(started)))
    assert not ended.exists()
    with pytest.raises(CommandFailedError, match="no end after"), runner.ahead([unasked]):
        runner.run(unasked, timeout=0.1)
    assert not ended.exists()
    with runner.ahead([unasked]), pytest.raises(CommandFailedError, match="no end after"):
        runner.run(unasked, timeout=0.1)
    assert not ended.exists(), "nobody waits for what took too long"
