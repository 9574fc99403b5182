"""The manual page and ``--help`` name the same options, command by command; that of asymgen.toml, the keys."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

import asymgen.cli
from asymgen import choices
from asymgen.backends import BACKENDS
from tests.source_tree import ROOT

PAGE = ROOT / "man" / "asymgen.8"
FILE_PAGE = ROOT / "man" / "asymgen.toml.5"
SHARED = "INPUT AND CHOICES"
TAKES_CHOICES = {"apply"}
TAKES_INPUT = {"detect", "commands", "verify", "explain", "diagram", "package"}
COMMANDS = (
    "detect", "commands", "diagram", "snapshot", "apply", "confirm", "revert", "verify", "explain", "package", "remove",
)  # fmt: skip


def group() -> click.Group:
    return next(value for value in vars(asymgen.cli).values() if isinstance(value, click.Group))


def command(name: str) -> click.Command:
    found = group().get_command(click.Context(group()), name)
    assert found is not None, f"asymgen has no command {name}"
    return found


def options_of(found: click.Command) -> set[str]:
    """Those that a person is shown; the guard and the boot hook have some of their own."""
    shown = [option for option in found.params if isinstance(option, click.Option) and not option.hidden]
    return {word for option in shown for word in option.opts} - {"--help"}


def described(section: str) -> set[str]:
    """The options that have a paragraph of their own in ``section``: the line after each ``.TP``."""
    text = PAGE.read_text(encoding="utf-8").replace("\\-", "-")
    start = text.partition(f'.SH "{section}"\n')[2]
    assert start, f"no section {section}"
    tagged = re.findall(r"^\.TP\n(\.B[A-Z]? .*)$", start.partition("\n.SH ")[0], re.MULTILINE)
    return {word for line in tagged for word in re.findall(r"(?<![\w-])-{1,2}[a-z][a-z-]*", line)}


def test_the_page_has_a_section_for_every_command() -> None:
    assert set(group().list_commands(click.Context(group()))) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_those_of_the_help(name: str) -> None:
    shared = described(SHARED) if name in TAKES_INPUT | TAKES_CHOICES else set()
    shared -= {"--snapshot"} if name in TAKES_CHOICES else set()
    own = described(f"ASYMGEN {name.upper()}")
    assert own & shared == set()
    assert own | shared == options_of(command(name))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example(name: str) -> None:
    assert re.search(r"Examples?:\n\s+(?:\S.*)?asymgen ", command(name).help or "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    silent = [option.name for option in command(name).params if isinstance(option, click.Option) and not option.help]
    assert silent == []


def keys_of_the_file() -> dict[str, tuple[str, str]]:
    """Key to its type and its paragraph, in the page of asymgen.toml."""
    text = FILE_PAGE.read_text(encoding="utf-8").replace("\\-", "-").replace("\\(dq", '"')
    keys = text.partition(".SH KEYS\n")[2].partition("\n.SH ")[0]
    found = re.findall(r'^\.TP\n\.BR ([a-z-]+) " = ([a-z ]+)"\n((?:(?!\.TP).*\n?)*)', keys, re.MULTILINE)
    return {key: (kind, paragraph) for key, kind, paragraph in found}


def test_keys_of_the_file_are_those_that_are_read() -> None:
    keys = keys_of_the_file()
    assert set(keys) == set(choices.TYPES)
    examples = {"list of strings": ["eth1=sysv"], "boolean": True, "integer": 7}
    for key, (kind, paragraph) in keys.items():
        if kind == "string":
            words = re.findall(r'"(\w+)"', paragraph)
            assert words
            assert all(choices.TYPES[key](word) for word in words)
            assert all(word in paragraph for word in {"rule-by": choices.RULE_BY, "arp": choices.ARP}.get(key, ()))
        else:
            accepted = [name for name, value in examples.items() if choices.TYPES[key](value)]
            assert accepted == [kind]
    assert set(BACKENDS) <= set(re.findall(r"[a-z-]+", keys["backend"][1]))
    for key, allowed in (("table-base", choices.TABLE_RANGE), ("priority-base", choices.PRIORITY_RANGE)):
        assert f"from {allowed[0]} to {allowed[-1]}" in keys[key][1]


def test_the_example_of_the_file_can_be_read() -> None:
    text = FILE_PAGE.read_text(encoding="utf-8").replace("\\-", "-")
    example = text.partition("\n.EX\n")[2].partition(".EE\n")[0]
    read = choices.parse_choices(choices.read_toml(example, str(FILE_PAGE)))
    assert len(read.gateways["eth1"]) == 2
    assert (read.excluded, read.priority_base) == (frozenset({"eth2"}), 600)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("page", [PAGE, FILE_PAGE], ids=lambda path: path.name)
def test_groff_has_nothing_to_say(page: Path) -> None:
    argv = ["groff", "-man", "-Tutf8", "-ww", "-z", str(page)]
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
