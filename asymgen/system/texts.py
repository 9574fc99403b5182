"""Single files that a person named: snapshots, choices, the plan kept in a directory."""

from __future__ import annotations

import codecs
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from asymgen.errors import CommandFailedError, InputError

_PIECE = 1 << 17  # bytes


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


def read_pieces(path: Path) -> Iterator[str]:
    """The same text in pieces, so that it is never held as a whole. Raises InputError, where it is not there, too."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    try:
        with path.open("rb") as stream:
            while data := stream.read(_PIECE):
                yield decoder.decode(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    yield decoder.decode(b"", final=True)


def write_text(path: Path, text: str) -> None:
    """Put ``text`` at ``path``: whole, or the old file stays. A pipe or terminal is written to directly.

    Raises CommandFailedError.
    """
    write_pieces(path, [text])


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """The same for a text that is never held as a whole."""
    contents = (piece.encode("utf-8", errors="surrogateescape") for piece in pieces)
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                stream.writelines(contents)
            return
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.writelines(contents)
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
