"""Builds packages by the tools of their distributions: ``dpkg-deb`` and ``rpmbuild``.

The tree that they pack is written here with fixed modes and times: both only lower a time to SOURCE_DATE_EPOCH, and an
older one or the umask would show in the result (docs/packages.md).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from asymgen.errors import CommandFailedError, UnsupportedError
from asymgen.packages.model import PackageFile
from asymgen.system.commands import Runner
from asymgen.system.tree import naming

BUILDERS = {
    "deb": ("dpkg-deb", "Debian, Ubuntu: it is in dpkg; Fedora, EL (EPEL): dnf install dpkg; SUSE: the same by zypper"),
    "rpm": ("rpmbuild", "Debian, Ubuntu: apt install rpm; Fedora, EL: dnf install rpm-build; SUSE: the same by zypper"),
}  # fmt: skip
"""Format to its program, and what to install for it."""

SIGNERS = {
    "deb": ("debsigs", "Debian, Ubuntu: apt install debsigs"),
    "rpm": ("rpmsign", "Debian, Ubuntu: apt install rpm; Fedora, EL, SUSE: it is in rpm-sign"),
}  # fmt: skip

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
    "_build_name_fmt": "package.rpm",
}


def require_builders(run: Runner, formats: Sequence[str], *, signed: bool) -> None:
    """Raises UnsupportedError, saying what to install, where a program is missing."""
    for form in formats:
        program, packages = BUILDERS[form]
        if not run.has(program):
            raise UnsupportedError(f"a .{form} is built by {program}, which is not here", hint=packages)
        signer, packages = SIGNERS[form]
        if signed and not run.has(signer):
            raise UnsupportedError(f"a .{form} is signed by {signer}, which is not here", hint=packages)


def build_deb(run: Runner, files: Sequence[PackageFile], *, target: Path, date: int, tree: Path | None) -> None:
    """Pack ``files`` as ``target``; the tree is kept as ``tree`` if one is named."""
    with _folder(target, tree) as folder:
        _lay_out(folder / "tree", files, date)
        made = folder / "package.deb"
        # Debian's default is xz, Ubuntu's zstd, which older systems cannot read.
        argv = ("dpkg-deb", "-Zxz", "--root-owner-group", "--build", str(folder / "tree"), str(made))
        run.run(_reproducible(argv, date), timeout=600)
        _publish(made, target)


def build_rpm(
    run: Runner, files: Sequence[PackageFile], spec: str, *, target: Path, date: int, tree: Path | None
) -> None:
    """Pack ``files`` by ``spec`` as ``target``; tree and spec are kept as ``tree`` if one is named."""
    with _folder(target, tree) as folder:
        _lay_out(folder / "tree", files, date)
        path = folder / "package.spec"
        path.write_bytes(spec.encode("utf-8", "surrogateescape"))
        defines = {
            **RPM_DEFINES,
            "_topdir": str(folder / "work"),
            "_rpmdir": str(folder),
            "asymgen_tree": str(folder / "tree"),
        }
        words = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
        run.run(_reproducible(("rpmbuild", "-bb", "--quiet", *words, str(path)), date), timeout=600)
        shutil.rmtree(folder / "work", ignore_errors=True)
        _publish(folder / "package.rpm", target)


def _reproducible(argv: Sequence[str], date: int) -> tuple[str, ...]:
    return ("env", f"SOURCE_DATE_EPOCH={date}", "TZ=UTC", *argv)


@contextmanager
def _folder(target: Path, tree: Path | None) -> Iterator[Path]:
    """A folder to work in beside ``target``; gone afterwards, unless it is ``tree``."""
    if "%" in str(target.parent.resolve()):
        raise UnsupportedError(
            f"{target.parent}: rpmbuild takes a percent sign for a macro", hint="name another folder"
        )
    if tree is None:
        with tempfile.TemporaryDirectory(prefix=".asymgen-", dir=target.parent) as made:
            yield Path(made)
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
    root.mkdir(mode=0o755)
    for file in files:
        path = root.joinpath(*file.path.parts[1:])
        path.parent.mkdir(parents=True, exist_ok=True)
        with naming(path, "write"):
            path.write_bytes(file.content)
            path.chmod(file.mode)
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            os.utime(Path(folder, name), (date, date))
        Path(folder).chmod(0o755)
        os.utime(folder, (date, date))


def _publish(made: Path, target: Path) -> None:
    with naming(target, "write"):
        made.chmod(0o644)
        made.replace(target)
