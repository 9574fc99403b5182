"""What comes of one host's detection: the changes on disk, the files written, the document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from asymgen.changes import Changes, plan_changes
from asymgen.cli.inputs import Input
from asymgen.detection import Detection
from asymgen.model import RenderedFile
from asymgen.planfile import PLAN_PATH
from asymgen.system.on_disk import preview

if TYPE_CHECKING:
    from asymgen.system.files import Written


def preview_of(source: Input, detection: Detection, *, force: bool) -> Changes:
    """What writing would change; without a tree of the host, every file is new."""
    wanted = _wanted(source, detection)
    if source.root is None:
        return plan_changes(wanted, {file.path: None for file in wanted}, manifest=None)
    return preview(source.root, wanted, force=force)


def write(source: Input, detection: Detection, *, root: Path, force: bool) -> Written:
    """Write the host's files below ``root``, and its plan where ``--plan`` wants it."""
    from asymgen.cli.packaged import refuse_packaged
    from asymgen.system.commands import Runner
    from asymgen.system.files import write_files
    from asymgen.system.relabel import relabel_with
    from asymgen.system.texts import write_text

    refuse_packaged(root)
    # Below another root, this machine's policy has nothing to say.
    relabel = relabel_with(Runner()) if root == Path("/") else None
    written = write_files(root, _wanted(source, detection), force=force, relabel=relabel)
    plan = next((file.text for file in detection.files if file.path == PLAN_PATH), None)
    if source.plan_path is not None and plan is not None:
        write_text(source.plan_path, plan)
    return written


def document_of(detection: Detection, changes: Changes) -> dict[str, Any]:
    """The document of ``--format json``: the plan as ip(8) on that host can hold it, whatever the backends express."""
    from asymgen.backends.shell import capabilities
    from asymgen.commands_text import ip_commands
    from asymgen.lowering import lower
    from asymgen.report import to_document

    state = lower(detection.plan, capabilities(detection.host))
    return to_document(detection, changes, ip_commands(state))


def _wanted(source: Input, detection: Detection) -> tuple[RenderedFile, ...]:
    """The files of the host: with ``--plan DIR``, the plan is kept there instead."""
    if source.plan_path is None:
        return detection.files
    return tuple(file for file in detection.files if file.path != PLAN_PATH)
