"""Single files that a person named: snapshots, choices, the plan kept in a directory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from asymgen.errors import CommandFailedError, InputError


def read_text(path: Path) -> str | None:
    """The file's text, bytes that are no UTF-8 as lone surrogates; None where it is not there.

    Raises InputError where it is there and cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def write_text(path: Path, text: str) -> None:
    """Put ``text`` at ``path``: whole, or the old file stays. A pipe or terminal is written to directly.

    Raises CommandFailedError.
    """
    content = text.encode("utf-8", errors="surrogateescape")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise CommandFailedError(f"{path}: cannot be written: {error.strerror}") from error


def is_superuser() -> bool:
    """Whether this process may write everywhere."""
    return os.geteuid() == 0
