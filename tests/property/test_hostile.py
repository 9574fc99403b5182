"""A fuzz of everything behind ``parse.py``: real hosts, mutated, through the whole command line.

What once failed is kept in ``corpus/`` as a snapshot of its own, and tried first. To keep a new one, save the
document that hypothesis prints there, named by what was wrong. ``corpus/covering/`` is what the coverage-guided
``fuzz_parse.py`` kept.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asymgen.model import Host
from tests.case_files import CASES
from tests.in_process import is_refused_or_right, run
from tests.property.fuzz_parse import read

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.json"))
COVERING = sorted((Path(__file__).parent / "corpus" / "covering").iterdir())
COMMANDS = (("detect",), ("detect", "--format", "json"), ("commands",), ("commands", "--undo"))
WORDS = """
    lo eth0 eth1 main local default all 0.0.0.0 0.0.0.0/0 192.0.2.10 192.0.2.0/24 :: ::/0 fe80::1 2001:db8::1
    255.255.255.255 224.0.0.1 unicast blackhole unreachable vrf wireguard asymgen kernel a;reboot
""".split()
NUMBERS = (-1, 0, 1, 7, 253, 254, 255, 32766, 2**31, 2**32 - 1, 2**32, 1.5)
VALUES: tuple[Any, ...] = (None, True, False, "", "\ud800", [], {}, [{}], ["UP"], ["POINTOPOINT"], *NUMBERS, *WORDS)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside ``node``."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in items for place in [(*path, key), *places(value, (*path, key))]]


def mutate(document: dict[str, Any], path: tuple[Any, ...], what: str, value: Any) -> None:
    """Replace, drop or double what lies at ``path``, or put something in its list's place of another."""
    node: Any = document
    for key in path[:-1]:
        node = node[key]
    if what == "replace":
        node[path[-1]] = copy.deepcopy(value)
    elif what == "drop":
        del node[path[-1]]
    elif isinstance(node, list):
        node.insert(path[-1], copy.deepcopy(node[-1 if what == "move" else path[-1]]))


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A case with one to four changes."""
    document = copy.deepcopy(draw(st.sampled_from(CASES)).snapshot)
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(places(document)))
        what = draw(st.sampled_from(("replace", "replace", "drop", "double", "move")))
        mutate(document, path, what, draw(st.sampled_from(VALUES)))
        if not document:
            break
    return document


def check(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for words in COMMANDS:
        found = run(*words, "--snapshot", "-", stdin=text)
        assert is_refused_or_right(found), (words, found.stderr, document)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_once_failed(path: Path) -> None:
    check(json.loads(path.read_text(encoding="utf-8")))


def test_the_corpus_is_there() -> None:
    assert CORPUS
    assert COVERING


def test_what_the_fuzzer_kept_is_read_or_refused() -> None:
    outcomes = [read(path.read_bytes()) for path in COVERING]
    assert None in outcomes
    assert any(isinstance(one, Host) for one in outcomes)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(document=mutated())
@example(document={})
def test_a_mutated_host_is_right_or_refused(document: dict[str, Any]) -> None:
    check(document)
