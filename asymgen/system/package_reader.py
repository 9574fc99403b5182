"""Reads what an earlier package held: out of a .deb, a .rpm, or a folder with its tree."""

from __future__ import annotations

import tempfile
from pathlib import Path

from asymgen.errors import InputError
from asymgen.packages.model import MANIFEST_PATH, PLAN_PATH
from asymgen.records import record
from asymgen.system.commands import Runner
from asymgen.system.texts import read_text


@record
class Held:
    """The texts of an earlier package's manifest and plan ("" where it had none)."""

    manifest: str
    plan: str


def read_package(run: Runner, place: Path) -> Held:
    """What ``place`` holds. Raises InputError where it is no package of asymgen's."""
    if place.is_dir():
        return _held(place / "tree" if (place / "tree").is_dir() else place, place)
    if not place.is_file():
        raise InputError(f"--previous {place}: there is no such file or folder")
    with tempfile.TemporaryDirectory(prefix="asymgen-") as folder:
        if place.suffix == ".deb":
            run.run(("dpkg-deb", "--extract", str(place), folder))
        elif place.suffix == ".rpm":
            script = 'cd "$2" && rpm2cpio "$1" | cpio --extract --make-directories --quiet --no-absolute-filenames'
            run.run(("sh", "-c", script, "sh", str(place.resolve()), folder))
        else:
            raise InputError(f"--previous {place}: neither a .deb nor a .rpm nor a folder")
        return _held(Path(folder), place)


def is_newer(run: Runner, form: str, version: str, *, than: str) -> bool:
    """Whether the package manager of ``form`` ("deb", "rpm") would take ``version`` for an upgrade of ``than``; both
    are as ``is_version()`` wants them. True where it is not on this machine, or cannot tell (an rpm without Lua)."""
    if not run.has("dpkg" if form == "deb" else "rpm"):
        return True
    if form == "deb":
        return run.run(("dpkg", "--compare-versions", version, "le", than), check=False).returncode != 0
    compared = f'%{{lua:print(rpm.vercmp("{version}", "{than}"))}}'
    return run.run(("rpm", "--eval", compared), check=False).stdout.strip() not in ("0", "-1")


def _held(root: Path, place: Path) -> Held:
    manifest = read_text(root / MANIFEST_PATH.relative_to("/"))
    if manifest is None:
        raise InputError(f"--previous {place}: has no {MANIFEST_PATH}, so asymgen did not make it")
    return Held(manifest, read_text(root / PLAN_PATH.relative_to("/")) or "")
