"""Choices: the command line over asymgen.toml, and the errors that say what to write instead."""

from __future__ import annotations

import ipaddress
import re

import pytest

from asymgen.choices import TYPES, check_against_host, merge_options, parse_choices, read_toml
from asymgen.errors import InputError, UsageError
from asymgen.model import Family
from tests.hosts import make_link

EVERY_KEY = """
gateway = ["eth1=198.51.100.1", "eth1=2001:db8::1", "eth2=none"]
uplink = ["wg0"]
exclude = ["eth9"]
backend = ["sysv", "eth1=ifupdown"]
network-file = ["eth0=10-eth0.network"]
rule-by = "address"
arp = "announce"
family = "4"
ahead = true
fail-closed = true
table-base = 500
priority-base = 600
"""


def test_every_key_of_the_toml_file_reaches_the_choices() -> None:
    options = read_toml(EVERY_KEY, "asymgen.toml")
    assert set(options) == set(TYPES)
    choices = parse_choices(options)
    assert choices.gateways == {
        "eth1": (ipaddress.ip_address("198.51.100.1"), ipaddress.ip_address("2001:db8::1")), "eth2": (),
    }  # fmt: skip
    assert (choices.uplinks, choices.excluded) == (frozenset({"wg0"}), frozenset({"eth9"}))
    assert choices.backends == {"": "sysv", "eth1": "ifupdown"}
    assert choices.network_files == {"eth0": "10-eth0.network"}
    assert (choices.rule_by, choices.arp, choices.ahead, choices.fail_closed) == ("address", "announce", True, True)
    assert (choices.table_base, choices.priority_base, choices.families) == (500, 600, frozenset({Family.IPV4}))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gateways = []", "asymgen.toml: unknown key 'gateways'"),
        ("[uplinks]", "unknown key 'uplinks'"),
        ('gateway = "eth1=192.0.2.1"', "key 'gateway' is 'eth1=192.0.2.1', wanted a list of strings"),
        ("table-base = true", "key 'table-base' is True, wanted a number"),
        ('rule-by = "subnet"', "key 'rule-by' is 'subnet', wanted one of auto, prefix, address"),
        ("ahead = 1", "key 'ahead' is 1, wanted true or false"),
        ("gateway = [", "asymgen.toml: not valid TOML"),
    ],
)
def test_a_mistake_in_the_toml_file_is_named(text: str, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        read_toml(text, "asymgen.toml")
    assert caught.value.exit_code == 6


def test_an_unknown_key_lists_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        read_toml("nope = 1", "asymgen.toml")
    assert all(key in caught.value.hint for key in TYPES)


def test_the_command_line_wins_interface_by_interface() -> None:
    lasting = {
        "gateway": ["eth1=198.51.100.1", "eth2=203.0.113.1"],
        "exclude": ["eth5", "eth6"],
        "table-base": 5,
        "ahead": True,
    }
    given = {"gateway": ("eth1=198.51.100.9",), "uplink": ("eth5",), "exclude": (), "table-base": None, "ahead": False}
    choices = parse_choices(merge_options(lasting, given))
    assert {name: [str(address) for address in found] for name, found in choices.gateways.items()} == {
        "eth1": ["198.51.100.9"], "eth2": ["203.0.113.1"],
    }  # fmt: skip
    assert (choices.uplinks, choices.excluded) == (frozenset({"eth5"}), frozenset({"eth6"}))
    assert (choices.table_base, choices.ahead) == (5, True), "an option that was not given changes nothing"
    assert parse_choices(merge_options(lasting, {**given, "table-base": 7})).table_base == 7


@pytest.mark.parametrize(
    ("lasting", "given"),
    [
        ({"exclude": ["eth1"]}, {"gateway": ("eth1=192.0.2.1",)}),
        ({"exclude": ["eth1"]}, {"uplink": ("eth1",)}),
        ({"gateway": ["eth1=none"]}, {"uplink": ("eth1",)}),
        ({"gateway": ["eth1=192.0.2.1"]}, {"exclude": ("eth1",)}),
        ({"uplink": ["eth1"]}, {"exclude": ("eth1",)}),
        ({"uplink": ["eth1"]}, {"gateway": ("eth1=none",)}),
    ],
)
def test_the_command_line_wins_over_the_opposite(lasting: dict[str, object], given: dict[str, object]) -> None:
    assert parse_choices(merge_options(lasting, given)) == parse_choices(given)


@pytest.mark.parametrize(
    "options",
    [
        {"uplink": ["eth1"], "exclude": ["eth1"]},
        {"gateway": ["eth1=192.0.2.1"], "exclude": ["eth1"]},
        {"gateway": ["eth1=none"], "uplink": ["eth1"]},
        {"gateway": ["eth1=none", "eth1=192.0.2.1"]},
    ],
)
def test_choices_that_contradict_each_other_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="eth1 is to be an uplink by one choice and none by another"):
        parse_choices(options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"gateway": ["eth1"]}, "--gateway eth1: wanted INTERFACE=VALUE"),
        ({"gateway": ["eth1=router"]}, "'router' is no IP address"),
        ({"gateway": ["eth1=0.0.0.0"]}, "cannot be a gateway"),
        ({"gateway": ["eth1=ff02::1"]}, "cannot be a gateway"),
        ({"network-file": ["eth1="]}, "--network-file eth1=: wanted INTERFACE=VALUE"),
        ({"table-base": 0}, "--table-base 0: wanted a number from 1 to 4294967295"),
        ({"priority-base": 40000}, "--priority-base 40000: wanted a number from 1 to 32765"),
    ],
)
def test_a_mistake_on_the_command_line_is_named(options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        parse_choices(options)
    assert caught.value.exit_code == 2


def test_an_interface_name_may_hold_an_equals_sign() -> None:
    assert list(parse_choices({"gateway": ["a=b=192.0.2.1"]}).gateways) == ["a=b"]


@pytest.mark.parametrize("option", ["gateway", "uplink", "exclude", "network-file", "backend"])
def test_an_interface_that_is_not_there_is_named_with_those_that_are(option: str) -> None:
    value = {"gateway": "eth7=192.0.2.1", "network-file": "eth7=x.network", "backend": "eth7=sysv"}.get(option, "eth7")
    with pytest.raises(UsageError, match=f"--{option} names interface 'eth7'") as caught:
        check_against_host(parse_choices({option: [value]}), [make_link(name) for name in ("lo", "eth0", "eth1")])
    assert caught.value.hint == "its interfaces: eth0, eth1"


def test_a_gateway_must_be_somebody_else() -> None:
    links = [make_link("eth0", "192.0.2.10/24"), make_link("eth1", "198.51.100.10/24")]
    with pytest.raises(UsageError, match="own address, on eth1"):
        check_against_host(parse_choices({"gateway": ["eth1=198.51.100.10"]}), links)


def test_zero_is_a_number_that_was_given() -> None:
    with pytest.raises(UsageError, match="--table-base 0"):
        parse_choices(merge_options({}, {"table-base": 0}))
