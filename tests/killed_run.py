"""Runs that die: ``killed_run.py write|force|remove TEMPLATE FOLDER``, and for each step of the run a copy
of the tree TEMPLATE, ``FOLDER/N``, in which the run was killed (SIGKILL) just before step N.

A program of its own, since only a real process can be killed for real, and only one without threads may
fork. The last copy is of a run that came to its end.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from pathlib import Path

from asymgen.system.files import remove_all, write_files
from tests.file_trees import NEW


def run(what: str, root: Path, *, last: int) -> None:
    """The run itself, which does not return if it has more than ``last`` steps."""
    count = itertools.count()

    def checkpoint(_step: str) -> None:
        if next(count) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    if what == "remove":
        remove_all(root, checkpoint=checkpoint)
    else:
        write_files(root, NEW, force=what == "force", checkpoint=checkpoint)


def was_killed(what: str, root: Path, *, last: int) -> bool:
    child = os.fork()
    if child == 0:
        run(what, root, last=last)
        os._exit(0)  # not sys.exit: the child must not go on with the parent's loop
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(what: str, template: str, folder: str) -> None:
    for last in itertools.count():
        root = Path(shutil.copytree(template, Path(folder, str(last)), symlinks=True))
        if not was_killed(what, root, last=last):
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
