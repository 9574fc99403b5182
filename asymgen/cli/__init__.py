"""The command line: the only code that prints or exits. One module per command, loaded when it is called."""

from __future__ import annotations

# ruff: noqa: E402 - the first statement speeds up the imports
import gc

# Before anything is imported: what is made here lives to the end, which is soon. Looking for garbage in cycles was a
# fifth of the time of a host with 20,000 routes, and while importing three hundredths of that of one with two uplinks.
gc.disable()

import errno
import importlib
import os
import sys
from typing import NoReturn

import click

from asymgen import __version__
from asymgen.errors import AsymgenError, CommandFailedError, InputError

COMMANDS = {
    "detect": "Show what is wrong and what would be written; with --write, write it.",
    "commands": "Print the plan as ip commands for sh.",
    "diagram": "Draw the host, its ways out and its answers: text, SVG, Mermaid.",
    "snapshot": "Print this host as JSON: the input of the other commands.",
    "apply": "Write, activate, verify; goes back by itself unless it is confirmed.",
    "confirm": "Keep what apply put in place.",
    "revert": "Undo the last apply.",
    "verify": "Compare the kernel with the plan, and say what is wrong and what to do.",
    "explain": "Say which way a packet takes, rule by rule, and why.",
    "package": "Build a .deb or .rpm of a host: its routing, guarded, checked and undone by itself.",
    "remove": "Take away exactly what detect --write wrote.",
}
DEFECT = 70
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a write to standard output may meet, with no name of a file to it."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"asymgen.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="asymgen")
def asymgen() -> None:
    """Source-based routing for multi-homed Linux servers: answers leave by the interface that the
    request came in on, and still do after a reboot.

    \b
    Example:
      asymgen detect            what is wrong, and what would be written
      asymgen detect --write    write it

    Exit codes: 0 done; 1 a check found differences; 2 usage; 3 cannot be done on this host as asked;
    4 a file was changed by hand or belongs to somebody else; 5 a command failed; 6 input that cannot
    be read; 70 a defect in asymgen.
    """


def main() -> NoReturn:
    """The console script. It ends at once: files, locks and processes are the business of ``with`` blocks, and taking
    apart all that was made, object by object, was a tenth of ``detect`` (docs/decisions/0018). ``python -m asymgen``
    ends as ever, for profilers and debuggers."""
    os._exit(exit_code())


def exit_code() -> int:
    """Run the command line: every failure ends in its exit code, none in a traceback but a defect. Whatever was said
    is out when it returns."""
    _open_what_is_closed()
    try:
        code = _run()
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except AsymgenError as error:
        _say(error)
        code = error.exit_code
    except BrokenPipeError:
        _give_up_output()
        code = 141
    except RecursionError:
        _say(InputError("the input is nested too deeply to be read"))
        code = InputError.exit_code
    except Exception as error:  # noqa: BLE001 - the last line of defence: a defect has an exit code of its own
        code = _code_of(error)
    return code if isinstance(code, int) else 0


def _run() -> object:
    try:
        return asymgen.main(prog_name="asymgen", standalone_mode=False)
    finally:
        sys.stdout.flush()  # before the words of a failure, and as a failure where it fails


def _open_what_is_closed() -> None:
    """Of standard input, output and error: a file that is opened later would get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115 - to the end


def _give_up_output() -> None:
    """What is still in its buffer goes nowhere: Python would try once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _code_of(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        _say(CommandFailedError(f"cannot write: {error.strerror}", hint="free some space, then run again"))
        _give_up_output()
        return CommandFailedError.exit_code
    import traceback

    traceback.print_exception(type(error), error, error.__traceback__)
    click.echo("asymgen: this is a defect in asymgen; please report it with the lines above", err=True)
    return DEFECT


def _say(error: AsymgenError) -> None:
    from asymgen.report import printable

    click.echo(printable(f"asymgen: {error.message}"), err=True)
    if error.hint:
        click.echo(printable(f"  {error.hint}"), err=True)
