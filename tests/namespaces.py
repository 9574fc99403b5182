"""Network namespaces for tests: real kernels, real ip(8), nothing left behind.

Every namespace has a unique name, and every process started in one is ended by its PID.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_serial = itertools.count(1)


class Namespace:
    """A network namespace of its own. ``run`` executes a command inside."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = f"/run/netns/{name}"

    def run(
        self,
        *argv: str,
        check: bool = True,
        input: str | None = None,  # noqa: A002 - subprocess.run() calls it that
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``argv`` in this namespace (mount namespace unshared, /sys of this namespace)."""
        result = subprocess.run(
            ["ip", "netns", "exec", self.name, *argv],
            input=input, capture_output=True, text=True, errors="surrogateescape", check=False, **options,
        )  # fmt: skip
        if check and result.returncode != 0:
            raise AssertionError(f"{argv}: rc {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def start(self, *argv: str, **options: Any) -> subprocess.Popen[str]:
        """Start ``argv`` in the background; the caller ends it by its PID."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *argv], text=True, **options)

    def ip(self, *arguments: str, check: bool = True) -> str:
        """``ip -n NAME ARGUMENTS``: no process but ip itself, so it is fast."""
        result = subprocess.run(
            ["ip", "-n", self.name, *arguments], capture_output=True, text=True, errors="surrogateescape", check=False
        )
        if check and result.returncode != 0:
            raise AssertionError(f"ip {' '.join(arguments)}: rc {result.returncode}\n{result.stderr}")
        return result.stdout

    def json(self, *arguments: str) -> Any:
        """``ip -j`` of ``arguments``, decoded; empty output is an empty list."""
        return json.loads(self.ip("-j", *arguments) or "[]", strict=False)  # ip(8) escapes no control characters

    def batch(self, lines: str, *, family: int | None = None) -> None:
        """Load many ip(8) commands at once (``ip -batch``); any failure fails the test."""
        flags = [] if family is None else [f"-{family}"]
        result = subprocess.run(
            ["ip", "-n", self.name, *flags, "-batch", "-"], input=lines, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise AssertionError(f"ip -batch: {result.stderr}\n{lines}")

    def sysctl(self, key: str, value: str | int) -> None:
        """Set a kernel setting inside, key in the slash form."""
        self.run("sh", "-c", 'printf "%s\\n" "$2" >"/proc/sys/$1"', "sysctl", key, str(value))

    def route_get(self, family: int, destination: str, source: str | None = None) -> dict[str, Any] | None:
        """The kernel's own answer, or None where it has none (unreachable, blackhole…)."""
        chosen = ["from", source] if source else []
        result = subprocess.run(
            ["ip", "-n", self.name, "-j", f"-{family}", "route", "get", destination, *chosen],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if result.returncode != 0:
            return None
        answer = json.loads(result.stdout)
        found: dict[str, Any] = answer[0]
        return found


@contextmanager
def namespace(prefix: str = "ag") -> Iterator[Namespace]:
    """A fresh namespace with ``lo`` up, deleted afterwards whatever happened."""
    name = f"{prefix}-{os.getpid()}-{next(_serial)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    made = Namespace(name)
    try:
        made.ip("link", "set", "lo", "up")
        yield made
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
