"""One error class per exit code of the command line.

0 is success, 2 is click's usage error; everything else stands here, once.
"""

from __future__ import annotations


class AsymgenError(Exception):
    """A failure that the person at the terminal can act on.

    ``message`` names the thing, what was found and what was wanted; ``hint`` is the next step.
    """

    exit_code = 70

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class DifferencesFoundError(AsymgenError):
    """A check found something to write or something wrong."""

    exit_code = 1


class UsageError(AsymgenError):
    """Options that contradict each other or the host they are for."""

    exit_code = 2


class UnsupportedError(AsymgenError):
    """What was asked cannot be done on this host."""

    exit_code = 3


class ForeignFileError(AsymgenError):
    """A file that a person changed, or that asymgen did not write, is in the way."""

    exit_code = 4


class CommandFailedError(AsymgenError):
    """A command that asymgen ran (or a system call it made) failed."""

    exit_code = 5


class InputError(AsymgenError):
    """Input that cannot be read: names the file, the key and what was expected."""

    exit_code = 6


JSON_WORDS = {dict: "an object", list: "a list", str: "a text", int: "a number", bool: "true or false"}
"""What a person calls the types of a JSON value."""
