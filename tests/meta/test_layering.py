"""Which module may import which, and who may touch the world: docs and code say the same.

The order is that of the one way through: snapshot, host, plan, lowering, files, changes, write.
"""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.source_tree import Module, modules, read_module

# Layer: (its modules, the layers that it may import besides itself). A module stands in exactly one.
LAYERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "vocabulary": (("", "records", "model", "errors", "prefix_set"), ()),
    "words": (("iproute2", "prefixes", "json_stream", "json_text", "folded_routes"), ("vocabulary",)),
    "parse": (("parse", "parse_*"), ("vocabulary", "words")),
    "lookup": (("lookup", "lookup_*", "source_address"), ("vocabulary", "words")),
    "choices": (("choices",), ("vocabulary",)),
    "planner": (("planner", "ahead", "uplinks", "sources", "numbers", "foreign", "settings"), ("vocabulary", "words")),
    "planfile": (("planfile",), ("vocabulary",)),
    "lowering": (("lowering", "detours"), ("vocabulary", "words", "planner")),
    "diagnosis": (("diagnosis", "problems", "promise"), ("vocabulary", "words", "lookup", "planner", "lowering")),
    "templating": (("templating", "compiled_templates"), ("vocabulary",)),
    "backends": (("backends", "backends.*", "commands_text"), ("vocabulary", "words", "templating")),
    "rivals": (("rivals",), ("vocabulary",)),
    "changes": (("changes", "manifest"), ("vocabulary",)),
    "leftovers": (("leftovers",), ("vocabulary", "words", "planner")),
    "snapshot_script": (("snapshot_script",), ("vocabulary", "templating", "system")),
    "verify": (("verify", "verify_*", "findings", "explanation", "owners"), (
        "vocabulary", "words", "lookup", "planner", "lowering", "diagnosis", "changes", "leftovers", "detection",
        "rivals",
    )),
    "detection": (("detection",), ("vocabulary", "planner", "planfile", "lowering", "diagnosis", "backends", "rivals")),
    "packages": (("packages", "packages.*"), (
        "vocabulary", "templating", "backends", "changes", "planfile", "detection",
    )),
    "report": (("report",), ("vocabulary", "planner", "diagnosis", "detection", "changes")),
    "diagram": (("diagram", "diagram_*"), (
        "vocabulary", "words", "lookup", "planner", "lowering", "diagnosis", "templating", "report",
    )),
    "applied": (("applied", "boot_hook"), ("vocabulary", "words", "changes", "templating")),
    "system": (("system", "system.*"), ("vocabulary", "words", "changes", "applied", "packages")),
    "cli": (("__main__", "cli", "cli.*"), (
        "vocabulary", "words", "parse", "lookup", "choices", "planner", "planfile", "lowering", "diagnosis",
        "templating", "backends", "changes", "leftovers", "snapshot_script", "detection", "rivals",
        "report", "diagram", "system", "verify", "applied", "packages",
    )),
}  # fmt: skip

WORLDLY = (
    "asyncio", "builtins", "click", "ctypes", "datetime", "fcntl", "getpass", "glob", "io", "logging",
    "multiprocessing", "netifaces", "os", "pathlib", "platform", "random", "secrets", "select", "shutil",
    "signal", "socket", "subprocess", "sys", "syslog", "tempfile", "threading", "time", "urllib.request",
    "uuid",
)  # fmt: skip
"""Modules by which code sees or changes anything but its arguments."""

PURE_PARTS = {
    "os": {"fsencode", "fsdecode"},  # names of interfaces are bytes; these two only convert
    "sys": {"version_info", "maxsize"},  # tomllib or tomli
    "pathlib": {"PurePosixPath", "PurePath"},
    "io": {"StringIO"},
    "socket": {"AF_INET", "AF_INET6", "inet_pton"},  # text to bytes
}
WORLDLY_CALLS = {"open", "print", "input", "exit", "quit", "breakpoint", "exec", "eval", "__import__"}

HOMES = {  # what only one place does
    "subprocess": ("system.commands",),
    "click": ("__main__", "cli", "cli.*"),
    "netifaces": ("system.*",),
    "jinja2": ("templating", "compiled_templates"),
    "fcntl": ("system.*",),
}
READS_TEMPLATES = "templating"  # the loader of our own templates: package data, not the machine


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def layer_of(name: str) -> str:
    found = [layer for layer, (patterns, _) in LAYERS.items() if _matches(name, patterns)]
    assert len(found) == 1, f"asymgen.{name} stands in {found or 'no layer'}: give it one in LAYERS"
    return found[0]


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) of every import, also those inside functions; the name is "" for a whole module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((node.module or "", alias.name) for alias in node.names)


def own_imports(module: Module, known: set[str]) -> Iterator[str]:
    """Which modules of asymgen it imports, by the name that follows "asymgen."."""
    for origin, name in imported(module.tree):
        if origin == "asymgen" or origin.startswith("asymgen."):
            deeper = f"{origin}.{name}".partition(".")[2]
            yield deeper if deeper in known else origin.partition(".")[2]


def worldly_uses(tree: ast.Module) -> Iterator[str]:
    """Imports, attributes and calls in ``tree`` that reach outside."""
    whole = set()
    for origin, name in imported(tree):
        root = next((bad for bad in WORLDLY if origin == bad or origin.startswith(bad + ".")), None)
        if root is None:
            continue
        if name and name not in PURE_PARTS.get(root, set()):
            yield f"from {origin} import {name}"
        elif origin in PURE_PARTS:
            whole.add(origin)
        elif not name:
            yield f"import {origin}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in whole:
            if node.attr not in PURE_PARTS[node.value.id]:
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WORLDLY_CALLS:
            yield f"{node.func.id}()"


def test_every_module_imports_only_what_its_layer_may() -> None:
    known = {module.name for module in modules()}
    wrong = []
    for module in modules():
        layer = layer_of(module.name)
        allowed = {layer, *LAYERS[layer][1]}
        wrong += [
            f"asymgen.{module.name} ({layer}) imports asymgen.{name} ({layer_of(name)})"
            for name in own_imports(module, known)
            if layer_of(name) not in allowed
        ]
    assert wrong == []


def test_layers_have_no_cycle() -> None:
    order = list(TopologicalSorter({layer: may for layer, (_, may) in LAYERS.items()}).static_order())
    assert order[-1] == "cli"
    assert order[0] == "vocabulary"


def test_modules_have_no_cycle() -> None:
    known = {module.name for module in modules()}
    # A module imports its package implicitly; only what it asks for by name can tie a knot.
    graph = {module.name: set(own_imports(module, known)) - {module.name} for module in modules()}
    list(TopologicalSorter(graph).static_order())


def test_only_the_cli_and_system_touch_the_world() -> None:
    wrong = [
        f"asymgen.{module.name}: {use}"
        for module in modules()
        if layer_of(module.name) not in ("cli", "system") and module.name != READS_TEMPLATES
        for use in worldly_uses(module.tree)
    ]
    assert wrong == []


def test_only_the_cli_prints_and_exits() -> None:
    quiet = [module for module in modules() if layer_of(module.name) != "cli"]
    wrong = [
        f"asymgen.{module.name}: line {node.lineno}"
        for module in quiet
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "exit", "sys.exit", "os._exit")
    ]
    assert wrong == []


@pytest.mark.parametrize("package", sorted(HOMES))
def test_one_home_for(package: str) -> None:
    users = {module.name for module in modules() for origin, _ in imported(module.tree) if origin == package}
    assert {name for name in users if not _matches(name, HOMES[package])} == set()


@pytest.mark.parametrize(
    "text, found",
    [
        ("import os\nos.getcwd()", "os.getcwd"),
        ("import os.path", "os.path"),
        ("from os import path", "from os import path"),
        ("from pathlib import Path", "from pathlib import Path"),
        ("import pathlib\npathlib.Path('/etc')", "pathlib.Path"),
        ("def read(): import subprocess", "import subprocess"),
        ("open('/etc/hosts')", "open()"),
        ("from datetime import datetime", "from datetime import datetime"),
        ("import os\nos.fsencode('x')", None),
        ("from pathlib import PurePosixPath", None),
    ],
)
def test_the_search_itself_finds(text: str, found: str | None, tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text(text, encoding="utf-8")
    uses = list(worldly_uses(read_module("sample", path).tree))
    assert uses == ([] if found is None else uses), uses
    assert found is None or any(found in use for use in uses)
