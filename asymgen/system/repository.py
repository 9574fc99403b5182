"""A folder of packages as a repository that apt or dnf reads, signed: by apt-ftparchive and createrepo_c.

Everything of the format that lies in the folder belongs to it, earlier versions too. Indexes are made beside the old
ones and take their places when they are whole and signed. Sources: apt-ftparchive(1), apt-secure(8), createrepo_c(8).
"""

from __future__ import annotations

import fcntl
import lzma
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from asymgen.errors import InputError, UnsupportedError
from asymgen.system.commands import Runner
from asymgen.system.tree import naming

REPOSITORIES = {"apt": "deb", "yum": "rpm"}
"""Kind to the format of its packages."""
PUBLIC_KEY = "asymgen-config.asc"
"""What a host needs to know the signatures: apt takes it as well as rpm."""

_TOOLS = {
    "apt": ("apt-ftparchive", "Debian, Ubuntu: apt install apt-utils; Fedora: it is in apt"),
    "yum": ("createrepo_c", "Debian, Ubuntu: apt install createrepo-c; Fedora, EL, SUSE: it is in createrepo_c"),
}


def require_repository_tools(run: Runner, kinds: Sequence[str]) -> None:
    """Raises UnsupportedError, saying what to install, where a program is missing."""
    for kind in kinds:
        program, packages = _TOOLS[kind]
        if not run.has(program):
            raise UnsupportedError(f"a repository for {kind} is made by {program}, which is not here", hint=packages)


def require_key(run: Runner, key: str) -> None:
    """Raises InputError where gpg has no secret key of that name, or cannot sign by it (expired, locked and nobody to
    ask): before anything is built. Whoever is asked for a passphrase is asked here, and gpg's agent remembers it."""
    if not run.has("gpg"):
        raise UnsupportedError("packages are signed by gpg, which is not here", hint="it is in the package gnupg")
    done = run.run(("gpg", "--batch", "--list-secret-keys", "--", key), check=False)
    if done.returncode != 0:
        raise InputError(f"--sign {key}: gpg has no such secret key", hint="gpg --list-secret-keys shows those it has")
    words = ("--batch", "--quiet", "--armor", "--local-user", key, "--detach-sign", "--output", "-")
    done = run.run(("gpg", *words), input="", check=False, timeout=600)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["gpg does not say why"])[0]
        raise InputError(
            f"--sign {key}: cannot sign with this key: {reason}", hint="try it: gpg --local-user KEY --sign FILE"
        )


def lay_out(run: Runner, kind: str, folder: Path, *, key: str) -> None:
    """Index the packages in ``folder`` and sign the index by ``key``."""
    with _locked(folder), tempfile.TemporaryDirectory(prefix=".asymgen-", dir=folder) as made:
        place = Path(made)
        names = sorted(path.name for path in folder.iterdir() if path.suffix == f".{REPOSITORIES[kind]}")
        (_lay_out_apt if kind == "apt" else _lay_out_yum)(run, folder, names, place, key=key)
        _gpg(run, key, "--armor", "--output", str(place / PUBLIC_KEY), "--export", key)
        _publish(place / PUBLIC_KEY, folder)


def _lay_out_apt(run: Runner, folder: Path, names: Sequence[str], place: Path, *, key: str) -> None:
    """A flat one. In a folder of its own, or the old index would be in the new one."""
    for name in names:
        (place / name).symlink_to(folder / name)
    packages = run.run(("apt-ftparchive", "packages", "."), cwd=place, timeout=600).stdout
    for name in names:
        (place / name).unlink()
    content = packages.encode("utf-8", "surrogateescape")
    (place / "Packages").write_bytes(content)
    (place / "Packages.xz").write_bytes(lzma.compress(content))
    options = ("-o", "APT::FTPArchive::Release::Label=asymgen", "-o", "APT::FTPArchive::Release::Origin=asymgen")
    release = run.run(("apt-ftparchive", *options, "release", "."), cwd=place, timeout=600).stdout
    (place / "Release").write_text(release, encoding="utf-8")
    _gpg(run, key, "--armor", "--detach-sign", "--output", str(place / "Release.gpg"), str(place / "Release"))
    _gpg(run, key, "--clear-sign", "--output", str(place / "InRelease"), str(place / "Release"))
    for name in ("Packages", "Packages.xz", "Release", "Release.gpg", "InRelease"):
        _publish(place / name, folder)


def _lay_out_yum(run: Runner, folder: Path, names: Sequence[str], place: Path, *, key: str) -> None:
    (place / "list").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    words = ("--quiet", "--no-database", "--pkglist", str(place / "list"), "--outputdir", str(place), str(folder))
    run.run(("createrepo_c", *words), timeout=600)
    index = place / "repodata" / "repomd.xml"
    _gpg(run, key, "--armor", "--detach-sign", "--output", f"{index}.asc", str(index))
    old = folder / "repodata"
    with naming(old, "replace"):
        if old.is_dir():
            old.replace(place / "old")
        (place / "repodata").replace(old)
        shutil.rmtree(place / "old", ignore_errors=True)


def _gpg(run: Runner, key: str, *words: str) -> None:
    run.run(("gpg", "--batch", "--yes", "--quiet", "--local-user", key, *words), timeout=600)


def _publish(made: Path, folder: Path) -> None:
    with naming(folder / made.name, "write"):
        made.chmod(0o644)
        made.replace(folder / made.name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two runs at once: the later one indexes what both built."""
    with naming(folder, "lay out the repository"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
