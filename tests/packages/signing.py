"""A key of a test's own, in a keyring of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.packages.built import MAINTAINER

KEY = "net@example.org"


@dataclass(frozen=True)
class Keyring:
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"GNUPGHOME": str(self.home)}

    def gpg(self, *words: str) -> str:
        argv = ["gpg", "--batch", "--quiet", *words]
        return subprocess.run(
            argv, env={**os.environ, **self.environment}, check=True, capture_output=True, text=True
        ).stdout

    @property
    def fingerprint(self) -> str:
        lines = self.gpg("--with-colons", "--list-keys", KEY).splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))


@contextmanager
def keyring(home: Path) -> Iterator[Keyring]:
    """A keyring with one key, and its agent ended afterwards."""
    home.mkdir(mode=0o700)
    made = Keyring(home)
    made.gpg("--passphrase", "", "--quick-gen-key", MAINTAINER, "rsa3072", "sign")
    try:
        yield made
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env={**os.environ, **made.environment}, check=False)
