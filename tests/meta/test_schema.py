"""The documents for programs keep to their schemas on every example host, and docs/json.md names every key."""

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

COMMANDS = ("detect", "verify", "explain")
DOCUMENTED = (*COMMANDS, "apply")  # whose documents need a live host: tests/netns/test_apply.py checks them
CASES = sorted(path.parent for path in (ROOT / "tests" / "cases").glob("*/snapshot.json"))


def schema_of(command: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs" / f"{command}.schema.json").read_text(encoding="utf-8"))
    return found


def document(command: str, case: Path) -> dict[str, Any]:
    """The document of one example host, with the choices that its expect.json makes."""
    expect = json.loads((case / "expect.json").read_text(encoding="utf-8"))
    argv = [command, "--format", "json", "--snapshot", str(case / "snapshot.json")]
    for name, given in expect.get("choices", {}).items():
        values = given if isinstance(given, list) else [given]
        argv += [word for value in values for word in ([f"--{name}"] if value is True else [f"--{name}", str(value)])]
    if command == "explain":
        argv.append("45.45.45.45")
    result = CliRunner().invoke(asymgen, argv)
    assert result.exit_code in ((0, 1) if command == "verify" else (0,)), result.output
    made: dict[str, Any] = json.loads(result.stdout)
    return made


def objects(root: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The path of every key that the document may have, ``uplinks[].table`` for example."""
    for name, value in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here
        items = resolve(root, value.get("items", value))
        yield from objects(root, items, f"{here}[]" if "items" in value else here)


def resolve(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def rows(command: str) -> dict[str, str]:
    """What docs/json.md says of each key, in the section of ``command``."""
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## `asymgen {command} --format json`\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| [^|]+ \| (.*) \|$", section, re.MULTILINE))


@pytest.mark.parametrize("command", DOCUMENTED)
def test_schema_is_a_schema(command: str) -> None:
    schema = schema_of(command)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_example_host_keeps_to_it(command: str, case: Path) -> None:
    jsonschema.Draft202012Validator(schema_of(command)).validate(document(command, case))


@pytest.mark.parametrize("command", COMMANDS)
def test_it_refuses_what_is_wrong(command: str) -> None:
    """The schema can fail: an unknown key, a missing one, a wrong type."""
    good = document(command, ROOT / "tests" / "cases" / "two-subnets")
    a_list = {"detect": "uplinks", "verify": "findings", "explain": "steps"}[command]
    missing = {name: value for name, value in good.items() if name != a_list}
    for bad in ({**good, "extra": 1}, missing, {**good, "schema": 2}, {**good, a_list: [{"interface": "eth0"}]}):
        assert not jsonschema.Draft202012Validator(schema_of(command)).is_valid(bad)


@pytest.mark.parametrize("command", DOCUMENTED)
def test_every_key_is_explained(command: str) -> None:
    schema, told = schema_of(command), rows(command)
    for path in objects(schema, schema):
        holder, _, key = path.rpartition(".")
        row = told.get(path) or told.get(path + "[]") or told.get(holder, "")
        same = holder == "again[]" and f"steps[].{key}" in told  # "keys as in `steps`"
        is_told = path in told or path + "[]" in told or f"`{key}`" in row or same
        assert is_told, f"docs/json.md does not explain {path} of {command}"


@pytest.mark.parametrize("command", DOCUMENTED)
def test_nothing_else_is_explained(command: str) -> None:
    schema = schema_of(command)
    known = set(objects(schema, schema))
    assert {row for row in rows(command) if row not in known and row.removesuffix("[]") not in known} == set()


def test_every_check_of_verify_is_named() -> None:
    """The names that programs select by, in the code and in docs/json.md."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "asymgen").rglob("*.py"))
    used = set(re.findall(r"Severity\.[A-Z]+[^,]*, \"([a-z-]+)\"", text)) | {"file-missing", "file-stale"}
    assert used == set(re.findall(r"`([a-z-]+)`", rows("verify")["findings[].check"]))
