"""The checkers of a newer Debian, in a root of their own: trixie's lintian knows tags, and its rpmlint checks, that
bookworm's do not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.roots import System, root_of
from tests.source_tree import ROOT

OF_PACKAGES = Path(__file__).with_name("rpmlint.toml")
OF_ITSELF = ROOT / "rpm" / "rpmlint.toml"


class Checkers:
    """``lintian`` and ``rpmlint`` give what they say of a package: "" where that is nothing."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def lintian(self, path: Path) -> str:
        argv = ("lintian", "--pedantic", "--display-experimental", "--display-info", "--allow-root", self._put(path))
        return self._run(*argv)

    def rpmlint(self, path: Path, config: Path) -> str:
        said = self._run("rpmlint", "--strict", "--config", self._put(config), self._put(path))
        lines = [line for line in said.splitlines() if " checked; " in line]
        clean = len(lines) == 1 and " checked; 0 errors, 0 warnings," in lines[0]
        return "" if clean else said

    def _put(self, path: Path) -> str:
        (self._root / "root" / path.name).write_bytes(path.read_bytes())
        return f"/root/{path.name}"

    def _run(self, *argv: str) -> str:
        done = subprocess.run(
            ["unshare", "--net", "chroot", str(self._root), "env", "-i", "LC_ALL=C.UTF-8", "HOME=/root",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode != 127, done.stderr
        return done.stdout + done.stderr


@contextmanager
def checkers(folder: Path) -> Iterator[Checkers]:
    """Trixie's; changes go below ``folder``."""
    with root_of(System("trixie-lint", "trixie", ("lintian", "rpm", "rpmlint")), folder) as root:
        yield Checkers(root)
