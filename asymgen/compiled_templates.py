"""Templates as Python: setup.py has Jinja write them when a package is built, and here Jinja loads them.

They are taken only where they are what would be compiled of the text beside them: the folder is named after the
version of Jinja, and ``SHA256SUMS`` in it names the texts. With another Jinja, in a checkout and of a template that was
edited where it is installed, the text is compiled, as if there were nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping
from typing import Any

import jinja2
from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, ModuleLoader, Template, TemplateNotFound

FOLDER = f"jinja-{getattr(jinja2, '__version__', 'unknown')}"
SUMS = "SHA256SUMS"


def loader(environment: Environment, templates: str) -> BaseLoader:
    """What finds the templates in the folder ``templates``, compiled or as text."""
    texts = FileSystemLoader(templates)
    try:
        sums = texts.get_source(environment, f"{FOLDER}/{SUMS}")[0]
    except TemplateNotFound:
        return texts
    return ChoiceLoader([_Unedited(f"{templates}/{FOLDER}", texts, frozenset(sums.splitlines())), texts])


class _Unedited(ModuleLoader):
    """The compiled templates whose text is still the one that was compiled."""

    def __init__(self, compiled: str, texts: FileSystemLoader, sums: frozenset[str]) -> None:
        super().__init__(compiled)
        self._texts, self._sums = texts, sums

    def load(
        self,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002 - Jinja's signature
    ) -> Template:
        text = self._texts.get_source(environment, name)[0]
        if f"{hashlib.sha256(text.encode()).hexdigest()}  {name}" not in self._sums:
            raise TemplateNotFound(name)
        return super().load(environment, name, globals)
