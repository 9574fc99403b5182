"""Every case planned: the uplinks with their gateways, as ``expect.json`` names them."""

from __future__ import annotations

import pytest

from asymgen.model import Kept
from asymgen.parse import parse_host
from asymgen.planner import plan
from tests.case_files import CASES, Case, choices_of


@pytest.mark.parametrize("case", CASES, ids=str)
def test_plan_finds_the_uplinks(case: Case) -> None:
    found = plan(parse_host(case.snapshot), choices_of(case), Kept())
    working = [up for up in found.uplinks if up.family in found.active]
    got = {(up.interface, int(up.family), str(up.gateway) if up.gateway else None) for up in working}
    assert got == {(up["interface"], up["family"], up["gateway"]) for up in case.expect["uplinks"]}
    assert found.nothing_to_do is case.expect["nothing_to_do"]
    assert {open_one.interface for open_one in found.unresolved} >= set(case.expect["unresolved"])
