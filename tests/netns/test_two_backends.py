"""Two backends on one host, each for its own interfaces: neither touches what is the other's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import pytest

from asymgen.detection import Detection, detect
from asymgen.model import Kept
from asymgen.parse import parse_host
from tests.case_files import CASES, Case, choices_of
from tests.host_loader import loaded_host
from tests.namespaces import Namespace
from tests.netns.test_backends_on_cases import SCRIPTS, everything
from tests.netns.test_cases import wrong_answers

pytestmark = pytest.mark.netns

# Groups, jumps, rules of others that are repeated, rules by address, two gateways on one interface.
SHAPES = (
    "two-subnets", "one-subnet-three", "wg-quick-ahead", "fwmark-rule", "vrf-recipe", "two-gateways-three-uplinks",
)  # fmt: skip
SHARED = [case for case in CASES if case.name in SHAPES]


@dataclass(frozen=True)
class SharedHost:
    """A loaded host whose interfaces are dealt out to the shell backends in turn."""

    namespace: Namespace
    detection: Detection
    folder: Path

    @property
    def backends(self) -> tuple[str, ...]:
        return tuple(use.name for use in self.detection.backends)

    def run(self, backend: str, action: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        settings = ("env", f"ASYMGEN_LOCK={self.folder / 'lock'}")
        return self.namespace.run(*settings, "sh", str(self.folder / backend), action, check=check)

    def status(self, backend: str) -> int:
        return self.run(backend, "status", check=False).returncode


@contextmanager
def shared_host(case: Case, folder: Path) -> Iterator[SharedHost]:
    host, choices = parse_host(case.snapshot), choices_of(case)
    plan = detect(host, replace(choices, backends={"": "sysv"}), Kept()).plan
    interfaces = dict.fromkeys(uplink.interface for uplink in plan.uplinks)
    detection = detect(host, replace(choices, backends=dict(zip(interfaces, cycle(("ifupdown", "sysv"))))), Kept())
    for use in detection.backends:
        text = next(file.text for file in detection.files if str(file.path) == SCRIPTS[use.name])
        (folder / use.name).write_text(text, encoding="utf-8", errors="surrogateescape")
    with loaded_host(case.snapshot) as namespace:
        yield SharedHost(namespace, detection, folder)


def test_every_shape_is_there() -> None:
    assert len(SHARED) == len(SHAPES)


@pytest.mark.parametrize("first", [0, 1], ids=["first-first", "second-first"])
@pytest.mark.parametrize("case", SHARED, ids=str)
def test_each_leaves_the_others_whole(case: Case, first: int, tmp_path: Path) -> None:
    with shared_host(case, tmp_path) as host:
        assert len(host.backends) == 2
        one, other = host.backends[first], host.backends[1 - first]
        before = everything(host.namespace)
        host.run(one, "start")
        host.run(other, "start")
        whole = everything(host.namespace)
        assert wrong_answers(host.namespace, case.expect["asks"]) == []
        assert (host.status(one), host.status(other)) == (0, 0)
        host.run(one, "stop")
        assert (host.status(one), host.status(other)) == (3, 0)
        host.run(one, "start")
        assert sorted(everything(host.namespace)) == sorted(whole)
        host.run(other, "stop")
        assert (host.status(one), host.status(other)) == (0, 3)
        host.run(one, "stop")
        assert everything(host.namespace) == before, "something is left, or something of others is gone"


def test_what_belongs_to_nobody_goes(tmp_path: Path) -> None:
    """Rules and routes of an earlier plan, between, before and behind what the two hold."""
    [case] = [case for case in SHARED if case.name == "two-subnets"]
    with shared_host(case, tmp_path) as host:
        for backend in host.backends:
            host.run(backend, "start")
        whole = everything(host.namespace)
        host.namespace.batch(
            "rule add pref 0 from 192.0.2.99 iif lo goto 32400 protocol 97\n"
            "rule add pref 31999 from 192.0.2.99 iif lo lookup 77 protocol 97\n"
            "rule add pref 32400 from 192.0.2.99 iif lo lookup 2 protocol 97\n"
            "rule add pref 32020 from 192.0.2.99 iif lo lookup 77 protocol 97\n"
            "route add unreachable 203.0.113.0/24 table 77 proto 97\n"
        )
        host.run(host.backends[0], "start")
        assert everything(host.namespace) == whole
