"""The plan file: what one run writes, the next one keeps; on another machine it is ignored."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest

from asymgen.errors import InputError
from asymgen.model import Host
from asymgen.planfile import plan_file_name, plan_text, read_kept
from tests.hosts import make_host, plan_for


def host(**fields: Any) -> Host:
    return make_host(
        {"eth0": "192.0.2.10/24", "eth1": "192.0.2.11/24"}, ["default via 192.0.2.1 dev eth0"],
        machine_id="11aa", **fields,
    )  # fmt: skip


def numbers(**changes: Any) -> dict[str, Any]:
    whole = {"interface": "eth0", "table": 8, "priority": 900, "gateways": [], "mac": "", "kind": "", "vlan_id": None}
    return {**whole, **changes}


def text(**changes: Any) -> str:
    plan = plan_for(host(), gateways={"eth1": (ipaddress.ip_address("192.0.2.9"),)})
    return json.dumps({**json.loads(plan_text(plan)), **changes})


def test_what_was_written_is_kept_whole() -> None:
    plan = plan_for(host(), gateways={"eth1": (ipaddress.ip_address("192.0.2.9"),)})
    kept, note = read_kept(plan_text(plan), host(), "plan.json")
    assert note == ""
    assert kept == plan.kept
    assert kept.sysctls_before == {f"net/ipv4/conf/{name}/arp_filter": "0" for name in ("eth0", "eth1")}
    assert plan_text(plan_for(host(), kept=kept)) != "", "and planned again"
    assert plan_for(host(), kept=kept).kept == plan.kept


def test_a_plan_of_another_machine_is_ignored_and_said() -> None:
    kept, note = read_kept(text(host={"name": "web1", "machine_id": "99ff"}), host(), "plan.json")
    assert kept.numbers == ()
    assert "plan.json belongs to machine 99ff, this is 11aa" in note


def test_a_plan_without_machine_id_is_read() -> None:
    kept, note = read_kept(text(host={"name": "web1", "machine_id": ""}), host(), "plan.json")
    assert (len(kept.numbers), note) == (2, "")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema": 2}, "not a plan file of schema 1"),
        ({"groups": [1]}, "key 'groups' is"),
        ({"groups": [0, 1]}, "key 'groups' is"),
        ({"groups": [7, 7]}, "two different numbers"),
        ({"numbers": [numbers(table=254)]}, "key 'table' is 254"),
        ({"numbers": [numbers(table=True)]}, "key 'table' is True"),
        ({"numbers": [numbers(priority=40000)]}, "key 'priority' is 40000"),
        ({"numbers": [numbers(), numbers(table=9)]}, "two interfaces have one priority"),
        ({"numbers": {}}, "key 'numbers' is {}, wanted a list"),
        ({"numbers": ["eth0"]}, "key 'numbers' holds 'eth0'"),
        ({"numbers": [{"interface": 5}]}, "key 'interface' is 5, wanted a text"),
        ({"sysctls_before": {"net": 1}}, "key 'net' is 1"),
        ({"gateways": {"eth1": ["router"]}}, "'router' is no IP address"),
        ({"host": None}, "key 'host' is None, wanted an object"),
    ],
)
def test_a_damaged_plan_file_is_an_error_and_not_forgotten_numbers(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_kept(text(**changes), host(), "plan.json")
    assert says in caught.value.message
    assert caught.value.message.startswith("plan.json")


def test_a_cut_off_plan_file_is_an_error() -> None:
    with pytest.raises(InputError, match="not valid JSON"):
        read_kept(text()[:100], host(), "plan.json")


@pytest.mark.parametrize("name", ["web1", "../../etc/passwd", "..", "a/b", "ünï", "x\udcff", ""])
def test_the_file_name_stays_in_its_directory(name: str) -> None:
    made = plan_file_name(name)
    assert "/" not in made
    assert made not in (".", "..")
    assert made.endswith(".json")
    assert made.isascii()
