"""``detect --format json`` of every example host keeps to its schema, and docs/json.md names every key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from asymgen.cli import asymgen
from tests.source_tree import ROOT

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "detect.schema.json").read_text(encoding="utf-8"))
CASES = sorted(path.parent for path in (ROOT / "tests" / "cases").glob("*/snapshot.json"))


def detect(case: Path) -> dict[str, Any]:
    """The document of one example host, with the choices that its expect.json makes."""
    expect = json.loads((case / "expect.json").read_text(encoding="utf-8"))
    argv = ["detect", "--format", "json", "--snapshot", str(case / "snapshot.json")]
    for name, given in expect.get("choices", {}).items():
        values = given if isinstance(given, list) else [given]
        argv += [word for value in values for word in ([f"--{name}"] if value is True else [f"--{name}", str(value)])]
    result = CliRunner().invoke(asymgen, argv, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, schema) of every key that the document may have, ``uplinks[].table`` for example."""
    for name, value in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, value
        items = resolve(value.get("items", value))
        yield from objects(items, f"{here}[]" if "items" in value else here)


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_example_host_keeps_to_it(case: Path) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(detect(case))


def test_it_refuses_what_is_wrong() -> None:
    """The schema can fail: an unknown key, a missing one, a wrong type."""
    good = detect(ROOT / "tests" / "cases" / "two-subnets")
    missing = {name: value for name, value in good.items() if name != "notes"}
    for bad in ({**good, "extra": 1}, missing, {**good, "schema": 2}, {**good, "uplinks": [{"interface": "eth0"}]}):
        assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(bad)


def test_every_key_is_explained() -> None:
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([^`]+)` \| [^|]+ \| (.*) \|$", text, re.MULTILINE))
    for path, _ in objects(SCHEMA):
        holder, _, key = path.rpartition(".")
        row = rows.get(path) or rows.get(path + "[]") or rows.get(holder, "")
        assert path in rows or path + "[]" in rows or f"`{key}`" in row, f"docs/json.md does not explain {path}"


def test_nothing_else_is_explained() -> None:
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    known = {path for path, _ in objects(SCHEMA)}
    rows = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    assert {row for row in rows if row not in known and row.removesuffix("[]") not in known} == set()
