"""Tables, priorities and device groups: free, and the same tomorrow."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest

from asymgen.errors import UnsupportedError
from asymgen.lowering import lower
from asymgen.model import Capabilities, Family, Host, Kept, Managers, Numbers, Plan
from asymgen.numbers import is_ours
from tests.hosts import make_host, make_link, make_rule, plan_for


def host_with(*routes: str, names: tuple[str, ...] = ("eth0", "eth1"), **fields: Any) -> Host:
    links = {name: f"10.{place}.0.10/24" for place, name in enumerate(names)}
    defaults = [f"default via 10.{place}.0.1 dev {name} metric {100 + place}" for place, name in enumerate(names)]
    return make_host({**links, **fields.pop("more", {})}, [*defaults, *routes], **fields)


def numbers(plan: Plan) -> dict[str, tuple[int, int]]:
    return {up.interface: (up.table, up.priority) for up in plan.uplinks}


def test_tables_from_1_and_priorities_from_32000_by_tens() -> None:
    assert numbers(plan_for(host_with())) == {"eth0": (1, 32000), "eth1": (2, 32010)}


def test_bases_can_be_set() -> None:
    plan = plan_for(host_with(), table_base=500, priority_base=600)
    assert numbers(plan) == {"eth0": (500, 600), "eth1": (501, 610)}


def test_both_families_of_an_interface_share_numbers() -> None:
    host = make_host(
        {"eth0": ["192.0.2.10/24", "2001:db8:1::10/64"], "eth1": ["198.51.100.10/24", "2001:db8:2::10/64"]},
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9",
         "default via fe80::1 dev eth0", "default via fe80::2 dev eth1 metric 2048"],
    )  # fmt: skip
    plan = plan_for(host)
    assert {(up.interface, up.table, up.priority) for up in plan.uplinks} == {("eth0", 1, 32000), ("eth1", 2, 32010)}
    assert len(plan.uplinks) == 4


@pytest.mark.parametrize(
    "taken",
    [
        {"rules": [make_rule(Family.IPV4, 100, table=1, source="203.0.113.0/24")]},
        {"routes": ["10.99.0.0/16 via 10.0.0.9 dev eth0 table 1"]},
        {"table_names": {1: "isp1"}},
    ],
    ids=["rule", "route", "rt_tables"],
)
def test_a_table_that_somebody_uses_is_not_free(taken: dict[str, Any]) -> None:
    host = host_with(*taken.pop("routes", ()), **taken)
    assert numbers(plan_for(host)) == {"eth0": (2, 32000), "eth1": (3, 32010)}


def test_the_band_of_a_tool_on_the_host_is_not_free() -> None:
    cloud = Managers(installed={"cloud-init": "23.1"})
    assert numbers(plan_for(host_with(managers=cloud), table_base=99)) == {"eth0": (99, 32000), "eth1": (200, 32010)}
    assert numbers(plan_for(host_with(), table_base=99)) == {"eth0": (99, 32000), "eth1": (100, 32010)}
    tailscale = host_with(more={"tailscale0": make_link("tailscale0", "100.64.0.2/32", kind="tun")})
    assert numbers(plan_for(tailscale, table_base=52)) == {"eth0": (53, 32000), "eth1": (54, 32010)}


def test_a_priority_that_somebody_uses_is_not_free() -> None:
    host = host_with(rules=[make_rule(Family.IPV4, 32003, table=99, source="203.0.113.0/24")])
    assert numbers(plan_for(host)) == {"eth0": (1, 32010), "eth1": (2, 32020)}


def test_the_base_stands_before_the_first_rule_for_main() -> None:
    host = host_with(rules=[make_rule(Family.IPV4, 500, table=254)])
    assert numbers(plan_for(host)) == {"eth0": (1, 480), "eth1": (2, 490)}


def test_a_guard_of_others_is_no_rule_for_main() -> None:
    host = host_with(rules=[make_rule(Family.IPV4, 500, table=254, suppress_prefixlength=0)])
    assert numbers(plan_for(host))["eth0"] == (1, 32000)


def test_many_uplinks_lower_the_base() -> None:
    names = tuple(f"eth{number}" for number in range(120))
    plan = plan_for(host_with(names=names))
    priorities = [up.priority for up in plan.uplinks]
    assert len(set(priorities)) == 120
    assert max(priorities) + 10 <= 32766


def test_no_room_before_main_is_an_error_that_names_the_option() -> None:
    host = host_with(rules=[make_rule(Family.IPV4, 15, table=254)])
    with pytest.raises(UnsupportedError, match="no free rule priorities") as caught:
        plan_for(host)
    assert "--priority-base" in caught.value.hint


# --- stable ----------------------------------------------------------------------------------------


def test_numbers_are_kept_when_another_uplink_goes_away_or_becomes_primary() -> None:
    first = plan_for(host_with(names=("eth0", "eth1", "eth2")))
    fewer = make_host({"eth2": "10.2.0.10/24", "eth1": "10.1.0.10/24"},
                      ["default via 10.2.0.1 dev eth2 metric 1", "default via 10.1.0.1 dev eth1 metric 2"])  # fmt: skip
    again = plan_for(fewer, kept=first.kept)
    assert numbers(again) == {"eth2": (3, 32020), "eth1": (2, 32010)}
    back = plan_for(host_with(names=("eth0", "eth1", "eth2")), kept=again.kept)
    assert numbers(back) == numbers(first), "the number of an interface that was away is not given to another"


def test_numbers_are_found_in_our_own_live_rules() -> None:
    first = plan_for(host_with(names=("eth0", "eth1")), table_base=40, priority_base=900)
    state = lower(first, Capabilities())
    bare = host_with(names=("eth0", "eth1"))
    live = replace(bare, rules=(*bare.rules, *state.rules), routes=(*bare.routes, *state.routes))
    assert numbers(plan_for(live)) == numbers(first)
    assert plan_for(live).uplinks[0].gateway_source.startswith("default route in main")


def test_a_renamed_interface_takes_its_number_along() -> None:
    mac = "02:00:00:00:00:77"
    old = Kept(numbers=(Numbers("eth0", 8, 32050), Numbers("eth1", 9, 32040, mac=mac)))
    renamed = make_host(
        {"eth0": "10.0.0.10/24", "lan1": make_link("lan1", "10.1.0.10/24", mac=mac)},
        ["default via 10.0.0.1 dev eth0", "default via 10.1.0.1 dev lan1 metric 9"],
    )
    assert numbers(plan_for(renamed, kept=old))["lan1"] == (9, 32040)


def test_a_mac_that_two_uplinks_share_moves_no_number() -> None:
    mac = "02:00:00:00:00:77"
    old = Kept(numbers=(Numbers("eth1", 9, 32040, mac=mac),))
    host = make_host(
        {"lan1": make_link("lan1", "10.0.0.10/24", mac=mac), "lan2": make_link("lan2", "10.1.0.10/24", mac=mac)},
        ["default via 10.0.0.1 dev lan1", "default via 10.1.0.1 dev lan2 metric 9"],
    )
    assert 9 not in {table for table, _ in numbers(plan_for(host, kept=old)).values()}


def test_a_second_gateway_keeps_its_own_number() -> None:
    host = make_host(
        {"eth0": ["192.0.2.10/24", "198.51.100.10/24"]},
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth0 metric 9"],
    )
    swapped = make_host(
        {"eth0": ["192.0.2.10/24", "198.51.100.10/24"]},
        ["default via 192.0.2.1 dev eth0 metric 9", "default via 198.51.100.1 dev eth0"],
    )
    first = plan_for(host)
    again = plan_for(swapped, kept=first.kept)
    assert {str(up.gateway): up.table for up in again.uplinks} == {str(up.gateway): up.table for up in first.uplinks}


# --- groups ----------------------------------------------------------------------------------------


def test_groups_that_anybody_uses_are_not_free() -> None:
    host = host_with(
        group_names={9700: "lab"}, firewall_groups=frozenset({9701}),
        more={"eth7": make_link("eth7", group=9703)},
    )  # fmt: skip
    assert plan_for(host).groups == (9702, 9704)


def test_groups_are_kept() -> None:
    first = plan_for(host_with())
    live = host_with(
        more={
            "eth0": make_link("eth0", "10.0.0.10/24", group=9700),
            "eth1": make_link("eth1", "10.1.0.10/24", group=9701),
        }
    )
    assert first.groups == plan_for(live, kept=first.kept).groups == (9700, 9701)
    state = lower(first, Capabilities())
    ruled = replace(live, rules=(*live.rules, *state.rules))
    assert plan_for(ruled).groups == (9700, 9701), "found in our own live rules"


def test_a_rule_that_a_person_typed_into_our_slot_is_not_ours() -> None:
    """ip(8) gives such a rule the protocol ``boot`` (3); systemd-networkd's from our file are ``static`` (4)."""
    kept = Kept(numbers=(Numbers("eth1", 2, 32010),))
    typed = make_rule(Family.IPV4, 32014, source="198.51.100.77/32", iif="lo", table=77, protocol=3)
    assert not is_ours(typed, kept)
    assert not is_ours(replace(typed, table=2), kept), "not even where it uses our table"
    assert is_ours(replace(typed, protocol=4), kept)
    assert is_ours(replace(typed, protocol=97), Kept())
    old_kernel = replace(typed, protocol=0)
    assert not is_ours(old_kernel, kept)
    assert is_ours(replace(old_kernel, table=2), kept)


def test_a_renamed_interface_takes_its_gateway_along() -> None:
    mac = "02:00:00:00:00:77"
    gateway = ipaddress.ip_address("10.1.0.9")
    old = Kept(numbers=(Numbers("eth1", 9, 32040, mac=mac),), gateways={"eth1": (gateway,)})
    renamed = make_host(
        {"eth0": "10.0.0.10/24", "lan1": make_link("lan1", "10.1.0.10/24", mac=mac)}, ["default via 10.0.0.1 dev eth0"]
    )
    found = next(up for up in plan_for(renamed, kept=old).uplinks if up.interface == "lan1")
    assert (found.gateway, found.table) == (gateway, 9)
