"""``killed_apply.py STEP apply|revert OPTION…``: the command, killed (SIGKILL) just before STEP.

A program of its own: only a real process can be killed for real.
"""

from __future__ import annotations

import os
import signal
import sys

from asymgen.cli import apply, reverting
from asymgen.system.apply_folder import ApplyFolder, Phase


def main(step: str, what: str, *options: str) -> None:
    sys.argv = ["asymgen/__main__.py", what, *options]

    def checkpoint(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    if what == "apply":
        with apply.command.make_context("apply", list(options)) as context:
            parameters = dict(context.params)
        seconds, yes = parameters.pop("seconds"), parameters.pop("yes")
        apply.run_apply(parameters, seconds=seconds, yes=yes, checkpoint=checkpoint)
        return
    folder = ApplyFolder(reverting.ROOT, checkpoint=checkpoint)
    applied = folder.read()
    assert applied is not None
    assert folder.advance(Phase.CONFIRMED, Phase.REVERTING)
    reverting.put_back(folder, applied, why="killed", checkpoint=checkpoint)


if __name__ == "__main__":
    main(*sys.argv[1:])
