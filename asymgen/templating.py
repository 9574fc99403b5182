"""The one door to the templates: strict, and with one quoting filter per target language.

A template reads like the file it makes. Decisions are made in Python; what a template inserts
goes through the filter of the language it is inserted into, for names of interfaces and hosts are
hostile text (Linux allows any byte but ``/`` and white space in an interface's name).
"""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterable
from functools import lru_cache

from jinja2 import Environment, StrictUndefined

import asymgen
from asymgen.compiled_templates import loader
from asymgen.errors import UnsupportedError

_NETWORKD_HINT = "rename the interface, leave it out with --exclude, or name another backend: --backend sysv"


def sh(text: str) -> str:
    """``text`` as one word of a POSIX shell."""
    _refuse_breaks(text)
    return shlex.quote(text)


def _refuse_breaks(text: str) -> None:
    if "\0" in text or "\n" in text:
        raise UnsupportedError(f"a shell script cannot carry {text!r}: NUL or a line break inside")


def sh_lines(lines: Iterable[str]) -> str:
    """``lines`` as one quoted word of a POSIX shell, each on a line of its own as it is, but for single quotes."""
    for line in lines:
        _refuse_breaks(line)
    text = "\n".join(["", *lines, ""])
    return "'" + text.replace("'", "'\\''") + "'"


def comment(text: str) -> str:
    """``text`` on one line, without anything that ends a comment or moves a terminal's cursor."""
    return "".join(character if character.isprintable() or _is_raw_byte(character) else "?" for character in text)


def xml(value: object) -> str:
    """``value`` as text or as the value of an attribute in XML. What XML 1.0 has no way to write becomes ``?``."""
    import html  # noqa: PLC0415 - a millisecond for its table of entities; only pictures are XML

    return html.escape(comment(str(value)).encode("utf-8", errors="replace").decode("utf-8"))


def mermaid(value: object) -> str:
    """``value`` inside a quoted label of Mermaid, where everything but plain words is markup: its own entity codes."""
    return re.sub(r"[^\w .:/,()-]", lambda found: f"#{ord(found[0])};", comment(str(value)), flags=re.ASCII)


def networkd(text: str) -> str:
    """``text`` as a value in a .network file, where these values have no quoting: printable ASCII
    without spaces, no backslash at the end (it would join the next line). systemd.syntax(7)."""
    if not re.fullmatch(r"[!-~]*[!-\[\]-~]", text):
        raise UnsupportedError(f"a .network file cannot carry {text!r}", hint=_NETWORKD_HINT)
    return text


def networkd_interface(text: str) -> str:
    """``text`` as the name of an interface in a .network file: networkd ignores a line with ``%``, ``:``,
    ``all``, ``default`` or a number there (src/basic/socket-util.c, ifname_valid_full)."""
    if re.search("[%:/]", text) or text in ("all", "default") or text.isdecimal():
        raise UnsupportedError(f"systemd-networkd takes no interface called {text!r}", hint=_NETWORKD_HINT)
    return networkd(text)


def unit_word(text: str) -> str:
    """``text`` as one word of a command line or path list in a unit: systemd.syntax(7), systemd.service(5)."""
    if not text or any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in text):
        raise UnsupportedError(f"a unit cannot carry {text!r}: empty, or a control character inside")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def deb_line(text: str) -> str:
    """``text`` in a field of a control file: one line, so that no other field can begin. deb-control(5)."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)


def spec(text: str) -> str:
    """``text`` in a spec file, where ``%`` starts a macro, also in comments and scriptlets; one line. A line that would
    begin with ``%`` begins a section even when that was escaped: there a space comes first."""
    line = "".join(letter if letter.isprintable() or _is_raw_byte(letter) else "?" for letter in text)
    return (" " if line.lstrip().startswith("%") else "") + line.replace("%", "%%")


def spec_block(text: str) -> str:
    """A whole script in a spec file. Raises UnsupportedError for a line that would start a section."""
    for line in text.splitlines():
        if line.lstrip().startswith("%"):
            raise UnsupportedError(f"a spec file cannot carry a script with the line {line!r}")
    return text.replace("%", "%%")


def _is_raw_byte(character: str) -> bool:
    """A byte that was no UTF-8, as surrogateescape carries it; C1 control bytes are not let through."""
    return "\udca0" <= character <= "\udcff"


def _templates_directory() -> str:
    """Where the templates lie: the installed package, or ``templates/`` of a plain checkout."""
    try:
        # PackageLoader fails in editable installs, where asymgen.templates has another place than its name says.
        # importlib.resources, which is for this, takes five milliseconds for what it imports.
        return importlib.import_module("asymgen.templates").__path__[0]
    except ModuleNotFoundError:
        return f"{asymgen.__path__[0]}/../templates"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The environment of all templates: an undefined name is an error, nothing is HTML."""
    made = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - shell, units and configuration files, never HTML
    )
    made.loader = loader(made, _templates_directory())
    made.filters.update(sh=sh, comment=comment, networkd=networkd, unit_word=unit_word, xml=xml, mermaid=mermaid)
    made.filters.update(sh_lines=sh_lines, deb_line=deb_line, spec=spec, spec_block=spec_block)
    made.globals["version"] = asymgen.__version__
    made.globals["vendor"] = False  # True for files of a package
    return made


def render(template: str, **values: object) -> str:
    """The text of ``template`` (``shell/routing.sh.j2``) with ``values``."""
    return environment().get_template(template).render(**values)
