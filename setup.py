"""What setup.cfg cannot say: a build compiles the templates as well. No metadata stands here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

COMPILE = """
import sys
sys.path.insert(0, sys.argv[1])  # what was just copied, whatever is installed
from asymgen.compiled_templates import FOLDER
from asymgen.templating import environment
environment().compile_templates(f"{sys.argv[2]}/{FOLDER}", ["j2"], zip=None, ignore_errors=False)
print(FOLDER)
"""


class BuildWithTemplates(build_py):
    """Copies the package and has Jinja compile its templates. An editable install has their text alone."""

    def run(self) -> None:
        super().run()
        if not getattr(self, "editable_mode", False):
            compile_templates(Path(self.build_lib).resolve())

    def get_outputs(self, include_bytecode: int = 1) -> list[str]:
        compiled = Path(self.build_lib).glob("asymgen/templates/jinja-*/*")
        return [*super().get_outputs(include_bytecode), *map(str, compiled)]


def compile_templates(library: Path) -> None:
    """By a process of its own: no module of the package stays in this one, and its sets have one order (Jinja 2.11
    writes what it imports and which filters there are in the order of a set)."""
    templates = library / "asymgen" / "templates"
    for left_by_another_build in templates.glob("jinja-*"):
        shutil.rmtree(left_by_another_build)
    argv = [sys.executable, "-B", "-c", COMPILE, str(library), str(templates)]
    done = subprocess.run(
        argv, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONHASHSEED": "0"}
    )
    compiled, texts = templates / done.stdout.strip(), sorted(templates.glob("*/*.j2"))
    sums = [f"{hashlib.sha256(text.read_bytes()).hexdigest()}  {text.relative_to(templates)}\n" for text in texts]
    (compiled / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    newest = max(text.stat().st_mtime for text in texts)
    for path in compiled.iterdir():
        os.utime(path, (newest, newest))  # bytecode holds the time of its source: the same build has the same


setup(cmdclass={"build_py": BuildWithTemplates})
