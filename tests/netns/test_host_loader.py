"""The stand-in of a host is what every kernel test of the cases rests on: it must be able to fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests import host_loader
from tests.case_files import CASES, Case
from tests.host_loader import differences, loaded_host
from tests.namespaces import Namespace
from tests.netns.test_cases import wrong_answers

pytestmark = pytest.mark.netns

BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_without_asymgen_the_promise_is_broken(case: Case) -> None:
    """The negative control: hosts that need asymgen fail their asks, the others pass them."""
    with loaded_host(case.snapshot) as host:
        assert differences(host, case.snapshot) == []
        wrong = wrong_answers(host, case.expect["asks"])
        unbound = [ask for ask in case.expect["asks"] if ask["source"] is None]
        assert wrong_answers(host, unbound) == []
    assert (wrong == []) is case.expect["nothing_to_do"]


def _change_rule(host: Namespace) -> None:
    host.ip("rule", "add", "pref", "31000", "from", "192.0.2.10", "lookup", "main")


def _change_gateway(host: Namespace) -> None:
    host.ip("route", "replace", "default", "via", "192.0.2.2", "dev", "eth0")


def _change_ipv6(host: Namespace) -> None:
    host.ip("-6", "route", "add", "2001:db8:1::/48", "via", "fe80::5", "dev", "eth0")


def _change_address(host: Namespace) -> None:
    host.ip("addr", "add", "198.51.100.12/24", "dev", "eth1")


def _change_group(host: Namespace) -> None:
    host.ip("link", "set", "eth1", "group", "7")


def _change_carrier(host: Namespace) -> None:
    host.ip("link", "set", "eth1", "down")


CHANGES = [_change_rule, _change_gateway, _change_ipv6, _change_address, _change_group, _change_carrier]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.removeprefix("_change_"))
def test_any_difference_is_seen(change: Callable[[Namespace], None]) -> None:
    snapshot = BY_NAME["two-subnets"].snapshot
    with loaded_host(snapshot) as host:
        change(host)
        assert differences(host, snapshot) != []


def test_order_of_competing_routes_is_the_snapshots() -> None:
    """Two NICs on one subnet: the first route wins, so turning the order round must be seen and kept."""
    snapshot = copy.deepcopy(BY_NAME["one-subnet"].snapshot)
    places = [place for place, route in enumerate(snapshot["routes4"]) if route["dst"] == "192.0.2.0/24"]
    first, second = places
    routes = snapshot["routes4"]
    routes[first], routes[second] = routes[second], routes[first]
    with loaded_host(snapshot) as host:
        assert differences(host, BY_NAME["one-subnet"].snapshot) != []
        answer = host.route_get(4, "192.0.2.77")
        assert answer is not None
        assert answer["dev"] == "eth1"


def test_stand_in_that_cannot_equal_the_snapshot_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that lost a rule on the way in must fail here, not answer wrongly later."""
    snapshot = BY_NAME["tailscale"].snapshot
    monkeypatch.setattr(host_loader, "_load_rules", lambda *_arguments: None)
    with pytest.raises(AssertionError, match="differs from the snapshot"), loaded_host(snapshot):
        pass


def test_unknown_attribute_of_a_route_is_refused() -> None:
    snapshot: dict[str, Any] = copy.deepcopy(BY_NAME["two-subnets"].snapshot)
    snapshot["routes4"].append({"type": "unicast", "dst": "10.0.0.0/8", "dev": "eth0", "encap": "mpls", "flags": []})
    with pytest.raises(AssertionError, match="cannot be loaded"), loaded_host(snapshot):
        pass
