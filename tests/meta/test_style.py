"""The measurable part of docs and style: sizes, future imports, the language's floor, words nobody wants."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.source_tree import ROOT, Module, modules

MODULE_LINES, FUNCTION_LINES = 400, 40
LONGER_MODULES = {"model": "every type of the project: one page, one contract"}
VAGUE = {"utils", "util", "helpers", "helper", "manager", "misc", "common", "tools"}

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module.tree) if isinstance(node, Function))


@pytest.fixture(params=modules(), ids=lambda module: module.name or "__init__")
def module(request: pytest.FixtureRequest) -> Module:
    found: Module = request.param
    return found


def test_module_is_short(module: Module) -> None:
    assert len(module.lines) <= MODULE_LINES or module.name in LONGER_MODULES


def test_functions_are_short(module: Module) -> None:
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions(module)}
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_annotations_are_postponed(module: Module) -> None:
    """Python 3.9 cannot evaluate ``X | None``."""
    first = next((node for node in module.tree.body if isinstance(node, ast.ImportFrom)), None)
    code = [node for node in module.tree.body if not isinstance(node, (ast.Expr, ast.Assign))]
    assert not code or (first is not None and first.module == "__future__")


def test_no_new_dataclass_options(module: Module) -> None:
    """Every dataclass is frozen, and one that compares is a record. (``slots`` and ``kw_only`` came with 3.10.)"""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("dataclass", "dataclasses.dataclass"):
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert module.name == "records" or options == {"frozen": "True", "eq": "False"}
        elif isinstance(node, ast.ClassDef):
            bare = {"dataclass", "dataclasses.dataclass"}
            assert not bare & {ast.unparse(decorator) for decorator in node.decorator_list}


def test_many_arguments_are_named(module: Module) -> None:
    """At most three by position in a function that other modules call; the rest by keyword."""
    wrong = []
    for node in functions(module):
        names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
        if len(names) - (names[:1] in (["self"], ["cls"])) > 3 and not node.name.startswith("_"):
            wrong.append(f"{node.name}({', '.join(names)})")
    # A click command's options arrive by name: click calls it, nobody else.
    assert module.name.startswith("cli") or wrong == []


def test_name_says_something(module: Module) -> None:
    own_words = module.name.replace("network_manager", "")  # the product's name, not ours
    assert not VAGUE & set(re.split(r"[._]", own_words))


def test_nothing_is_left_for_later(module: Module) -> None:
    text = "\n".join(module.lines)
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text)
    assert not re.search(r"except[^\n]*:\s*\n?\s*(pass|\.\.\.)\s*$", text, re.MULTILINE)
    assert "NotImplementedError" not in text


def test_first_line_says_what_it_is_for(module: Module) -> None:
    assert (ast.get_docstring(module.tree) or "").strip() != ""


def test_the_records_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    assert all(re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name) for name in names)


def test_every_record_says_context_decision_cost() -> None:
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        headings = re.findall(r"^## (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert [word for word in headings if word in ("Context", "Decision", "Cost")] == ["Context", "Decision", "Cost"]
