"""The one runner: whatever asymgen starts, starts here, and can be echoed in a form to paste into a shell.

What an echo looks like is the command line's business: it passes ``echo=``, since only it prints.
"""

from __future__ import annotations

import codecs
import os
import selectors
import shlex
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from asymgen.errors import CommandFailedError
from asymgen.records import record

Value = TypeVar("Value")

_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")
"""ip(8) lies in /sbin on many systems, which is not in the PATH of those who are not root."""

NOT_FOUND = 127
"""The exit code that a shell gives for a missing program."""


class MissingProgramError(CommandFailedError):
    """The program is not on this host (or not in PATH)."""


@record
class Result:
    """What a command left. Bytes that are not UTF-8 are lone surrogates (``surrogateescape``)."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    @property
    def last_error_line(self) -> str:
        """The last line on standard error, where programs say what went wrong."""
        lines = self.stderr.strip().splitlines()
        return lines[-1] if lines else ""


def pasteable(argv: Sequence[str]) -> str:
    """A command line that a shell reads back as exactly ``argv``."""
    return shlex.join(argv)


class Runner:
    """Runs commands: without a shell, in the C locale, with the system's folders at the end of PATH.

    ``echo`` is told each command, in pasteable form, before it runs. Raises CommandFailedError.
    """

    def __init__(self, *, echo: Callable[[str], None] | None = None) -> None:
        self._echo = echo
        given = os.environ.get("PATH", "").split(os.pathsep)
        self._path = os.pathsep.join([*filter(None, given), *(one for one in _SYSTEM_FOLDERS if one not in given)])
        self._ahead: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}

    def has(self, program: str) -> bool:
        """Whether ``program`` can be started."""
        return shutil.which(program, path=self._path) is not None

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        input: str | None = None,  # noqa: A002 subprocess.run() calls it that
        timeout: float = 60.0,
        cwd: Path | None = None,
    ) -> Result:
        """Run ``argv`` to its end, with ``input`` on its standard input, in the folder ``cwd``. With ``check``, an
        exit code other than 0 raises; a missing program and a timeout (in seconds) always do."""
        result = self._finished(argv, text=input, timeout=timeout, cwd=cwd)
        if check and result.returncode != 0:
            raise CommandFailedError(_failure(result))
        return result

    def detach(self, argv: Sequence[str]) -> None:
        """Start ``argv`` in a session of its own, with nothing of this one's open; nobody waits for it."""
        if self._echo is not None:
            self._echo(f"+ {pasteable(argv)} &")
        try:
            subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True, close_fds=True, cwd="/", env={**os.environ, "PATH": self._path},
            )  # fmt: skip
        except OSError as problem:
            raise CommandFailedError(f"{pasteable(argv)}: cannot be started: {problem.strerror}") from problem

    def read_together(
        self,
        commands: Sequence[Sequence[str]],
        read: Callable[[Sequence[str], Iterator[str]], Value],
        *,
        timeout: float = 60.0,
    ) -> list[tuple[Result, Value]]:
        """Start all at once. ``read`` gets the output of each in pieces, in the order of ``commands``, while it is
        written; what it leaves over is thrown away. Its values, with the results, whatever the exit codes (their
        ``stdout`` is empty). ``timeout`` (in seconds) is for each; a missing program and a timeout raise."""
        with ExitStack() as started:
            processes = [started.enter_context(self._started(argv)) for argv in commands]
            return [self._read(process, argv, read, timeout=timeout) for process, argv in zip(processes, commands)]

    @staticmethod
    def _read(
        process: subprocess.Popen[bytes],
        argv: Sequence[str],
        read: Callable[[Sequence[str], Iterator[str]], Value],
        *,
        timeout: float,
    ) -> tuple[Result, Value]:
        errors: list[bytes] = []
        pieces = _pieces(process, argv, errors=errors, timeout=timeout)
        value = read(argv, pieces)
        deque(pieces, maxlen=0)  # a process with a full pipe would never end
        return Result(tuple(argv), process.returncode, "", _decoded(b"".join(errors))), value

    @contextmanager
    def ahead(self, commands: Iterable[Sequence[str]]) -> Iterator[None]:
        """Start ``commands`` now: inside this context, :meth:`run` hands over what they left instead of starting them
        again. One whose program is missing is left to it; what has not ended by then is killed in the end."""
        with ExitStack() as started:
            for argv in filter(lambda argv: self.has(argv[0]), commands):
                self._ahead[tuple(argv)] = started.enter_context(self._started(argv))
            processes = tuple(self._ahead.values())
            try:
                yield
            finally:
                for process in processes:
                    process.kill()
                self._ahead.clear()

    def _finished(self, argv: Sequence[str], *, text: str | None, timeout: float, cwd: Path | None) -> Result:
        if tuple(argv) in self._ahead:
            return self._ended(self._ahead.pop(tuple(argv)), argv, timeout=timeout)
        stdin = subprocess.DEVNULL if text is None else subprocess.PIPE
        with self._started(argv, stdin=stdin, cwd=cwd) as process:
            return self._ended(process, argv, text=text, timeout=timeout)

    @contextmanager
    def _started(
        self, argv: Sequence[str], *, stdin: int = subprocess.DEVNULL, cwd: Path | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """``argv`` as a process, which does not outlive the context."""
        if self._echo is not None:
            there = "" if cwd is None else f"cd {pasteable([str(cwd)])} && "
            self._echo(f"+ {there}{pasteable(argv)}")
        if not self.has(argv[0]):
            raise MissingProgramError(f"{argv[0]}: no such program", hint=f"Install the package that has {argv[0]}.")
        try:
            process = subprocess.Popen(
                list(argv), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd,
                env={**os.environ, "PATH": self._path, "LC_ALL": "C"},
            )  # fmt: skip
        except OSError as problem:
            raise CommandFailedError(f"{pasteable(argv)}: {problem.strerror}") from None
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise

    @staticmethod
    def _ended(
        process: subprocess.Popen[bytes], argv: Sequence[str], *, text: str | None = None, timeout: float
    ) -> Result:
        try:
            stdout, stderr = process.communicate(None if text is None else os.fsencode(text), timeout=timeout)
        except subprocess.TimeoutExpired:
            raise _too_long(argv, timeout) from None
        return Result(tuple(argv), process.returncode, _decoded(stdout), _decoded(stderr))


def _pieces(
    process: subprocess.Popen[bytes], argv: Sequence[str], *, errors: list[bytes], timeout: float
) -> Iterator[str]:
    """What ``process`` writes, until its end; what comes by standard error goes to ``errors``."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as ready:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                ready.register(pipe, selectors.EVENT_READ)
        while ready.get_map():
            waiting = ready.select(max(0.0, deadline - time.monotonic()))
            if not waiting:
                raise _too_long(argv, timeout)
            for key, _ in waiting:
                data = os.read(key.fd, 1 << 16)
                if not data:
                    ready.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    errors.append(data)
                else:
                    yield decoder.decode(data)
    yield decoder.decode(b"", final=True)
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise _too_long(argv, timeout) from None


def _too_long(argv: Sequence[str], timeout: float) -> CommandFailedError:
    return CommandFailedError(f"{pasteable(argv)}: no end after {timeout:g} seconds")


def _decoded(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")


def _failure(result: Result) -> str:
    how = f"killed by signal {-result.returncode}" if result.returncode < 0 else f"exit code {result.returncode}"
    said = f": {result.last_error_line}" if result.last_error_line else ""
    return f"{pasteable(result.argv)}: {how}{said}"
