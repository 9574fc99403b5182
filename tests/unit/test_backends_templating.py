"""The quoting filters, and that templates are strict."""

from __future__ import annotations

import subprocess

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asymgen import templating
from asymgen.errors import UnsupportedError


@given(st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), max_size=40))
def test_sh_gives_the_shell_back_the_same_word(text: str) -> None:
    result = subprocess.run(["dash", "-c", f"printf %s {templating.sh(text)}"], capture_output=True, check=True)
    assert result.stdout.decode() == text


@pytest.mark.parametrize("text", ["a\nb", "a\0b"])
def test_sh_refuses_what_no_word_can_hold(text: str) -> None:
    with pytest.raises(UnsupportedError, match="cannot carry"):
        templating.sh(text)
    with pytest.raises(UnsupportedError, match="cannot carry"):
        templating.sh_lines(["a", text])


@given(st.text(max_size=60))
def test_comment_stays_on_its_line(text: str) -> None:
    assert len(f"# {templating.comment(text)}|".splitlines()) == 1


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("web1", "web1"),
        ("a\nb", "a?b"),
        ("\x1b[2J", "?[2J"),
        ("\u2028", "?"),
        ("ünï", "ünï"),
        ("\udcfc\udc85", "\udcfc?"),
    ],
)
def test_comment(text: str, wanted: str) -> None:
    assert templating.comment(text) == wanted


def test_undefined_name_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        templating.environment().from_string("{{ nothing }}").render()


def test_every_template_compiles() -> None:
    environment = templating.environment()
    names = environment.list_templates(extensions=["j2"])
    assert "shell/logic.sh.j2" in names
    for name in names:
        environment.get_template(name)
