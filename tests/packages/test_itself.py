"""asymgen's own packages, built as a person builds them: by debian/, stdeb and rpm/asymgen.spec; and run from there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import asymgen
from tests.case_files import DIRECTORY
from tests.lab.roots import System, root_of
from tests.packages.built import output_of, unpacked
from tests.packages.checkers import OF_ITSELF, checkers
from tests.packages.test_gates import piuparts, reprotest
from tests.source_tree import ROOT

SNAPSHOT = DIRECTORY / "two-subnets" / "snapshot.json"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PYTHON = ("python3-click", "python3-jinja2", "python3-netifaces")
CLEAN = {suite: System(f"{suite}-python", suite, PYTHON) for suite in ("bookworm", "trixie")}
TOOLS = ("dh", "pybuild", "rpmbuild", "lintian")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(any(shutil.which(tool) is None for tool in TOOLS), reason=f"needs {', '.join(TOOLS)}"),
]


@pytest.fixture(scope="module", params=("deb", "deb-snapshot", "rpm"))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package that ``make TARGET`` puts into dist/, built from a copy of the tree."""
    copy = copy_of_the_tree(tmp_path_factory.mktemp(request.param) / "tree")
    environment = {"PATH": SYSTEM_PATH, "HOME": str(copy.parent), "LC_ALL": "C.UTF-8"}
    argv = ["make", request.param, f"TRACKED=printf '%s\\n' {' '.join(_top(copy))}"]
    done = subprocess.run(argv, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    [path] = [path for path in (copy / "dist").iterdir() if path.suffix in (".deb", ".rpm")]
    return path


def copy_of_the_tree(place: Path) -> Path:
    """What is in the repository, or will be."""
    names = output_of("git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard").splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    return place


def _top(copy: Path) -> list[str]:
    return [path.name for path in copy.iterdir() if path.name not in ("build", "dist")]


def _payload_runs(made: Path, tmp_path: Path) -> None:
    root = unpacked(made, tmp_path / "root")
    [package] = [path for path in root.rglob("asymgen/__init__.py") if "templates" not in str(path)]
    environment = {"PATH": SYSTEM_PATH, "PYTHONPATH": str(package.parent.parent), "LC_ALL": "C.UTF-8"}
    script = list(root.rglob("bin/asymgen"))
    assert len(script) == 1
    argv = ["/usr/bin/python3", str(script[0]), "detect", "--snapshot", str(SNAPSHOT)]
    if "-1_all" in made.name:  # stdeb's: its script asks for the egg's metadata
        argv[1:2] = ["-m", "asymgen"]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "198.51.100.10" in done.stdout


def _has_manual_and_completions(made: Path) -> None:
    names = output_of("dpkg-deb", "-c", str(made)) if made.suffix == ".deb" else output_of("rpm", "-qpl", str(made))
    assert "/usr/share/man/man8/asymgen.8" in names
    assert "/usr/share/man/man5/asymgen.toml.5" in names
    for shell in ("bash-completion/completions/asymgen", "_asymgen", "asymgen.fish"):
        assert (shell in names) is ("-1_all" not in made.name)


def _has_templates_for_the_distributions_jinja(made: Path) -> None:
    """They are compiled for the Jinja that the package is installed beside."""
    version = output_of("/usr/bin/python3", "-Ic", "import jinja2; print(jinja2.__version__)").strip()
    names = output_of("dpkg-deb", "-c", str(made)) if made.suffix == ".deb" else output_of("rpm", "-qpl", str(made))
    assert re.findall(r"/asymgen/templates/jinja-(.*)/SHA256SUMS$", names, re.MULTILINE) == [version]
    assert "pycache" not in names


def _checkers_have_nothing_to_say(made: Path, folder: Path) -> None:
    if made.suffix == ".deb" and made.name != f"asymgen_{asymgen.__version__}_all.deb":
        return
    with checkers(folder) as newer:
        if made.suffix == ".rpm":
            assert newer.rpmlint(made, OF_ITSELF) == ""
            assert newer.rpmlint(ROOT / "rpm/asymgen.spec", OF_ITSELF) == ""
            return
        assert newer.lintian(made) == ""
    argv = ["lintian", "--pedantic", "--display-experimental", "--display-info", "--allow-root", str(made)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def _dependencies_name_netifaces(made: Path) -> None:
    if made.suffix == ".deb":
        assert "python3-netifaces" in output_of("dpkg-deb", "-f", str(made), "Depends")
    else:
        assert "python3-netifaces" in output_of("rpm", "-qp", "--recommends", str(made))
        assert "netifaces" not in output_of("rpm", "-qp", "--requires", str(made))


def test_what_was_built(made: Path, tmp_path: Path) -> None:
    """One test for all of it: two workers would build each package twice."""
    _payload_runs(made, tmp_path)
    _has_manual_and_completions(made)
    _has_templates_for_the_distributions_jinja(made)
    _dependencies_name_netifaces(made)
    _checkers_have_nothing_to_say(made, tmp_path / "checkers")
    if made.name == f"asymgen_{asymgen.__version__}_all.deb":
        _debian_tests_pass(made, tmp_path / "autopkgtest")
        found = piuparts(made, CLEAN["bookworm"], tmp_path / "piuparts")
        assert found.passed, found.log
    for suite, system in CLEAN.items():
        with root_of(system, tmp_path / suite) as root:
            _runs_in_a_clean_root(made, root)


def _debian_tests_pass(made: Path, folder: Path) -> None:
    """debian/tests, by autopkgtest, in a root where apt finds nothing but the package."""
    source = copy_of_the_tree(folder / "source")
    system = System("bookworm-autopkgtest", "bookworm", (*PYTHON, "apt-utils", "dpkg-dev", "man-db"))
    with root_of(system, folder / "machine") as root:
        (root / "etc/apt/sources.list").write_text("")
        argv = ["unshare", "--net", "autopkgtest", str(made), f"{source}/", "--", "chroot", str(root)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert re.search(r"^plan +PASS$", done.stdout, re.MULTILINE)


def test_the_package_is_built_to_the_same_bytes(tmp_path: Path) -> None:
    build = f"PATH={SYSTEM_PATH} dpkg-buildpackage --build=binary --no-sign"
    done = reprotest(build, copy_of_the_tree(tmp_path / "asymgen"), "../*.deb")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Reproduction successful" in done.stdout


def test_version_is_the_programs() -> None:
    changelog = (ROOT / "debian/changelog").read_text(encoding="utf-8").splitlines()[0]
    assert changelog.startswith(f"asymgen ({asymgen.__version__}) ")
    spec = (ROOT / "rpm/asymgen.spec").read_text(encoding="utf-8")
    assert re.search(rf"^Version: +{re.escape(asymgen.__version__)}$", spec, re.MULTILINE)
    assert f" - {asymgen.__version__}-1\n" in spec


def _runs_in_a_clean_root(made: Path, root: Path) -> None:
    """A system with nothing but what the package depends on. Nothing there installs a .rpm: its payload is laid out."""
    (root / "root/snapshot.json").write_bytes(SNAPSHOT.read_bytes())
    enter = ["unshare", "--net", "chroot", str(root), "env", "-i", f"PATH={SYSTEM_PATH}", "LC_ALL=C.UTF-8"]
    if made.suffix == ".deb":
        (root / "root" / made.name).write_bytes(made.read_bytes())
        subprocess.run([*enter, "dpkg", "--install", f"/root/{made.name}"], check=True, capture_output=True)
    else:
        shell = 'cd "$2" && rpm2cpio "$1" | cpio --extract --make-directories --unconditional --quiet'
        subprocess.run(["sh", "-c", shell, "sh", str(made), str(root)], check=True)
    if made.suffix == ".deb":  # installing it compiles its Python, and so its templates, to bytecode
        assert list(root.glob("usr/lib/python3/dist-packages/asymgen/templates/jinja-*/__pycache__/*.pyc"))
    live = subprocess.run([*enter, "asymgen", "detect"], capture_output=True, text=True, check=False)
    assert live.returncode == 0, live.stderr
    planned = output_of(*enter, "asymgen", "detect", "--snapshot", "/root/snapshot.json")
    assert "198.51.100.10" in planned
