"""``asymgen detect`` with several snapshots: as a process, on the example hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from asymgen.planfile import host_folder
from tests.case_files import DIRECTORY
from tests.command_line import asymgen, tree_of
from tests.source_tree import ROOT

TWO_SUBNETS, ONE_UPLINK, UNRESOLVED = (
    str(DIRECTORY / name / "snapshot.json") for name in ("two-subnets", "one-uplink", "azure-unresolved")
)
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "detect.schema.json").read_text(encoding="utf-8"))


def many(*files: str) -> list[str]:
    return ["detect", *(word for file in files for word in ("--snapshot", file))]


def bad_file(folder: Path, text: str = "{") -> str:
    path = folder / "bad.json"
    path.write_text(text, encoding="utf-8")
    return str(path)


def called(folder: Path, name: str, *, file: str) -> str:
    """The snapshot of the host with two subnets, under another host name."""
    document = json.loads(Path(TWO_SUBNETS).read_text(encoding="utf-8"))
    path = folder / file
    path.write_text(json.dumps({**document, "hostname": name}), encoding="utf-8")
    return str(path)


def test_a_line_for_each_host() -> None:
    shown = asymgen(*many(TWO_SUBNETS, ONE_UPLINK, UNRESOLVED))
    assert shown.returncode == 0, shown.stderr
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert [line[0] for line in lines] == ["two-subnets", "one-uplink", "azure-unresolved"]
    assert " ".join(lines[0][1:]) == "7 wrong answers ifupdown 6 files to write"
    assert " ".join(lines[1][1:]) == "nothing to do"
    assert " ".join(lines[2][1:]) == "nothing to do, 1 without a next hop"


def test_one_snapshot_is_the_full_report() -> None:
    shown = asymgen(*many(TWO_SUBNETS))
    assert "What is wrong today" in shown.stdout


DEEP = '{"collected": ' + "[" * 800 + "]" * 800 + "}"  # read by Python's own reader, and too deep to be walked through


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "{}", '{"links": 5}', DEEP, ""], ids=lambda text: text[:9])
def test_a_bad_file_does_not_stop_the_rest(tmp_path: Path, text: str) -> None:
    bad = bad_file(tmp_path, text)
    shown = asymgen(*many(TWO_SUBNETS, bad, str(tmp_path / "missing.json"), ONE_UPLINK))
    assert shown.returncode == 6
    assert [line.split()[0] for line in shown.stdout.splitlines()] == [
        "two-subnets", bad, str(tmp_path / "missing.json"), "one-uplink"
    ]  # fmt: skip
    assert f"2 of 4 snapshots failed: {bad}, {tmp_path}/missing.json" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_json_is_an_array_with_an_element_for_each(tmp_path: Path) -> None:
    files = [TWO_SUBNETS, bad_file(tmp_path), ONE_UPLINK]
    shown = asymgen(*many(*files), "--format", "json")
    assert shown.returncode == 6
    documents = json.loads(shown.stdout)
    # "items" refers to the root of the schema, so the whole of it stays and each element is checked by it.
    checked = jsonschema.Draft202012Validator(SCHEMA)
    whole = checked.evolve(schema=SCHEMA["$defs"]["many"])
    whole.validate(documents)
    assert not whole.is_valid([{**documents[0], "extra": 1}, documents[1]])
    assert [one["snapshot"] for one in documents] == files
    assert documents[1]["error"]["exit_code"] == 6
    alone = json.loads(asymgen(*many(TWO_SUBNETS), "--format", "json").stdout)
    assert documents[0] == {**alone, "snapshot": TWO_SUBNETS}


def test_check_with_many() -> None:
    assert asymgen(*many(TWO_SUBNETS, ONE_UPLINK), "--check").returncode == 1
    assert asymgen(*many(ONE_UPLINK, UNRESOLVED), "--check").returncode == 0


def test_a_choice_that_one_host_has_no_interface_for(tmp_path: Path) -> None:
    shown = asymgen(*many(TWO_SUBNETS, ONE_UPLINK), "--exclude", "eth1")
    assert shown.returncode == 2
    assert "1 of 2 snapshots failed" in shown.stderr
    assert shown.stdout.startswith("  two-subnets")


# --- writing -----------------------------------------------------------------------------------------------


def test_each_host_is_written_to_its_own_folder(tmp_path: Path) -> None:
    written = asymgen(*many(TWO_SUBNETS, ONE_UPLINK), "--write", "--root", str(tmp_path))
    assert written.returncode == 0, written.stderr
    assert "6 files written" in written.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["two-subnets"]  # the other host has no files
    alone = tmp_path / "alone"
    alone.mkdir()
    asymgen(*many(TWO_SUBNETS), "--write", "--root", str(alone))
    assert tree_of(tmp_path / "two-subnets") == tree_of(alone)
    again = asymgen(*many(TWO_SUBNETS, ONE_UPLINK), "--write", "--root", str(tmp_path))
    assert "file" not in again.stdout


def test_a_bad_file_does_not_stop_writing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    written = asymgen(*many(bad_file(tmp_path), TWO_SUBNETS), "--write", "--root", str(root))
    assert written.returncode == 6
    assert (root / "two-subnets/etc/asymgen/plan.json").exists()


def test_two_hosts_of_one_name_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    files = [called(tmp_path, "web", file="one.json"), ONE_UPLINK, called(tmp_path, "web", file="two.json")]
    refused = asymgen(*many(*files), "--write", "--root", str(root))
    assert refused.returncode == 2
    assert f"{files[0]} and {files[2]}: both are of a host called web" in refused.stderr
    assert tree_of(root) == {}


def test_writing_without_a_root_is_refused() -> None:
    refused = asymgen(*many(TWO_SUBNETS, ONE_UPLINK), "--write")
    assert refused.returncode == 2
    assert "--root DIR" in refused.stderr


def test_a_root_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused = asymgen(*many(TWO_SUBNETS, ONE_UPLINK), "--write", "--root", str(tmp_path / "none"))
    assert refused.returncode == 6
    assert tree_of(tmp_path) == {}


def test_a_folder_that_cannot_be_made_is_that_hosts_failure(tmp_path: Path) -> None:
    (tmp_path / "two-subnets").write_text("a file\n")
    other = called(tmp_path, "other", file="other.json")
    written = asymgen(*many(TWO_SUBNETS, other), "--write", "--root", str(tmp_path))
    assert written.returncode == 5
    assert (tmp_path / "other/etc/asymgen/plan.json").exists()
    assert "cannot make the directory" in written.stdout


@pytest.mark.parametrize(
    "name, folder",
    [
        ("web1.example", "web1.example"), ("..", "%2E%2E"), (".", "%2E"), ("", "unnamed"),
        ("a/../../b", "a%2F..%2F..%2Fb"), ("\udcff", "%FF"), ("$(id)\n", "%24%28id%29%0A"),
    ],
)  # fmt: skip
def test_a_hosts_folder_is_one_name(name: str, folder: str) -> None:
    assert host_folder(name) == folder


@pytest.mark.parametrize("name", ["..", "a/../../b", "-rf", "\udcff"])
def test_hostile_host_names_stay_below_the_root(tmp_path: Path, name: str) -> None:
    root = tmp_path / "outer" / "root"
    root.mkdir(parents=True)
    written = asymgen(*many(called(tmp_path, name, file="h.json"), ONE_UPLINK), "--write", "--root", str(root))
    assert written.returncode == 0, written.stderr
    assert [path.name for path in (tmp_path / "outer").iterdir()] == ["root"]
    assert [path.name for path in root.iterdir()] == [host_folder(name)]
