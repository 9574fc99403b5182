"""systemd-networkd's drop-ins: what they say, where they lie, what each version can express, what is refused."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from asymgen import templating
from asymgen.backends import choose, networkd
from asymgen.backends.networkd_sections import Section, sections
from asymgen.detection import Detection, detect
from asymgen.errors import UnsupportedError
from asymgen.lowering import lower
from asymgen.model import (
    Capabilities,
    Choices,
    Family,
    Fit,
    Host,
    Kept,
    ManagedInterface,
    Managers,
    Placement,
    RuleAction,
)
from tests.hosts import make_host, make_rule, plan_for
from tests.states import HOST, TWO_SUBNETS, Wire, kernel_state, moving, with_extras

FILES = {"eth0": "/etc/systemd/network/10-eth0.network", "eth1": "/run/systemd/network/10-netplan-eth1.network"}
STATE = kernel_state(TWO_SUBNETS)


def managers(files: Mapping[str, str | None] = FILES, *, version: str = "257", **fields: object) -> Managers:
    interfaces = {name: ManagedInterface("networkd", file, **fields) for name, file in files.items()}  # type: ignore[arg-type]
    return Managers("systemd", {"networkd": version}, frozenset({"networkd"}), interfaces)


def on(version: str) -> Host:
    return replace(HOST, managers=managers(version=version))


def texts(host: Host, placement: Placement = Placement.ADMIN) -> dict[str, str]:
    return {str(file.path): file.text for file in networkd.render(STATE, host, placement)}


# --- where ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("placement, folder", [(Placement.ADMIN, "/etc"), (Placement.VENDOR, "/usr/lib")])
def test_dropins_stand_beside_the_winning_file(placement: Placement, folder: str) -> None:
    files = [file for file in networkd.render(STATE, on("257"), placement) if file.path.name == "50-asymgen.conf"]
    assert [str(file.path) for file in files] == [
        f"{folder}/systemd/network/10-eth0.network.d/50-asymgen.conf",
        f"{folder}/systemd/network/10-netplan-eth1.network.d/50-asymgen.conf",
    ]
    assert {file.mode for file in files} == {0o644}, "readable by systemd-network"
    assert placement is Placement.VENDOR or all(file.path.match(str(networkd.MARK)) for file in files)


@pytest.mark.parametrize("file", [None, "", "/etc/network/interfaces", "eth1"])
def test_unknown_file_is_asked_for(file: str | None) -> None:
    host = replace(HOST, managers=managers({**FILES, "eth1": file}))
    with pytest.raises(UnsupportedError, match="eth1: it is not known which") as caught:
        networkd.render(STATE, host, Placement.ADMIN)
    assert "--network-file eth1=NAME" in caught.value.hint


def test_file_of_several_interfaces_is_refused() -> None:
    """A drop-in cannot say for which of them it is; also where the other one is no uplink."""
    host = replace(HOST, managers=managers({**FILES, "eth2": FILES["eth1"]}))
    with pytest.raises(UnsupportedError, match=r"10-netplan-eth1.network configures eth1 and eth2") as caught:
        networkd.render(STATE, host, Placement.ADMIN)
    assert "--backend sysv" in caught.value.hint


# --- which host ----------------------------------------------------------------------------------


def two_uplinks(**fields: object) -> Host:
    interfaces = {"eth0": ["192.0.2.10/24", "2001:db8:a::10/64"], "eth1": ["198.51.100.10/24"]}
    routes = ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9"]
    return make_host(interfaces, routes, **fields)  # type: ignore[arg-type]


def detected(host: Host, **choices: object) -> Detection:
    return detect(host, Choices(**choices), Kept())  # type: ignore[arg-type]


def test_chosen_where_it_manages() -> None:
    host = two_uplinks(managers=managers())
    assert [(use.name, use.interfaces) for use in detected(host).backends] == [("systemd-networkd", ("eth0", "eth1"))]
    assert networkd.fit(replace(host, managers=managers({})), "eth0").fit is Fit.NO
    other = replace(managers(), interfaces={"eth0": ManagedInterface("ifupdown")})
    assert networkd.fit(replace(host, managers=other), "eth0").fit is Fit.NO
    assert choose(replace(host, managers=managers(version="235")), "eth0", {})[0].NAME == "sysv"


def test_network_file_choice_wins() -> None:
    host = two_uplinks(managers=managers({"eth0": "/etc/systemd/network/10-eth0.network"}))
    found = detected(host, network_files={"eth0": "20-other.network", "eth1": "30-eth1.network"})
    paths = [str(file.path) for file in found.files if file.path.name == "50-asymgen.conf"]
    assert paths == [f"/etc/systemd/network/{name}.network.d/50-asymgen.conf" for name in ("20-other", "30-eth1")]


def test_two_backends_share_a_host() -> None:
    """Shared files hold both parts, and no rule goes by a group that one of them does not set."""
    mixed = replace(
        managers({"eth0": FILES["eth0"]}, version="252"),
        installed={"networkd": "252", "ifupdown": ""},
        interfaces={"eth0": ManagedInterface("networkd", FILES["eth0"]), "eth1": ManagedInterface("ifupdown")},
    )
    found = detected(two_uplinks(managers=mixed))
    assert {use.name for use in found.backends} == {"ifupdown", "systemd-networkd"}
    assert len({file.path for file in found.files}) == len(found.files)
    tables = next(file.text for file in found.files if "rt_tables.d" in str(file.path))
    assert "1 asymgen_eth0\n2 asymgen_eth1\n" in tables
    assert {member.interface for member in found.state.groups} == {"eth0", "eth1"}

    old = detected(two_uplinks(managers=replace(mixed, installed={"networkd": "249", "ifupdown": ""})))
    assert old.state.groups == ()
    assert {rule.suppress_group for rule in old.state.rules} == {None}


@pytest.mark.parametrize("version, wanted", [
    ("257.8", Capabilities()),
    ("252", Capabilities(goto=False)),
    ("", Capabilities(goto=False)),
    ("249", Capabilities(goto=False, suppress_ifgroup=False)),
    ("247", Capabilities(goto=False, suppress_ifgroup=False, error_rules=False)),
    ("241", Capabilities(goto=False, suppress_ifgroup=False, error_rules=False, suppress_prefixlength=False)),
])  # fmt: skip
def test_capabilities(version: str, wanted: Capabilities) -> None:
    follows = version != "241"
    always = replace(wanted, rule_protocol=False, ordered=False, follows=follows, unheard_temporary=follows)
    assert networkd.capabilities(on(version)) == always


def test_too_old() -> None:
    with pytest.raises(UnsupportedError, match="systemd-networkd 232 has no rules"):
        networkd.render(STATE, on("232"), Placement.ADMIN)


# --- what ----------------------------------------------------------------------------------------


def test_group_rules_and_routes() -> None:
    text = texts(on("257"))["/etc/systemd/network/10-netplan-eth1.network.d/50-asymgen.conf"]
    assert "[Link]\nGroup=8\n" in text
    assert (
        "[RoutingPolicyRule]\nPriority=32012\nFrom=198.51.100.0/24\nIncomingInterface=lo\nTable=254\n"
        "SuppressPrefixLength=7\nSuppressInterfaceGroup=7\n" in text
    )
    assert "[Route]\nDestination=::/0\nGateway=fe80::1\nGatewayOnLink=yes\nTable=2\nProtocol=97\n" in text
    assert "192.0.2" not in text, "the other uplink's part is in its own file"


def everything_rare() -> list[Section]:
    state = with_extras(STATE).uplinks[0]
    return list(sections(state, follows=False))


def test_rare_rules_and_routes() -> None:
    found = ["\n".join(f"{key}={value}" for key, value in section.settings) for section in everything_rare()]
    assert "Destination=10.2.0.0/16\nType=throw\nTable=1\nProtocol=97" in found
    assert "Priority=50\nFrom=192.0.2.0/24\nIncomingInterface=lo\nType=goto\nGoTo=32000" in found
    assert "Priority=32000\nFrom=192.0.2.0/24\nFirewallMark=16/255\nIncomingInterface=lo\nTable=99" in found
    assert "Priority=32000\nFrom=192.0.2.0/24\nIncomingInterface=lo\nIPProtocol=6\nTable=98" in found
    assert "Priority=32004\nFrom=192.0.2.0/24\nIncomingInterface=lo\nType=unreachable" in found


@pytest.mark.parametrize("version, dynamic, named, word", [
    ("252", {4}, (), "_dhcp4"),
    ("246", {4}, (), "192.0.2.1"),
    ("252", set(), (), "192.0.2.1"),
    ("252", {4}, ("192.0.2.1",), "192.0.2.1"),
])  # fmt: skip
def test_gateway_that_dhcp_gives(version: str, dynamic: set[int], named: tuple[str, ...], word: str) -> None:
    gateways = tuple(map(ipaddress.ip_address, named))
    state = kernel_state(TWO_SUBNETS)
    uplink = replace(state.uplinks[0].uplink, dynamic=True)
    state = replace(state, uplinks=(replace(state.uplinks[0], uplink=uplink), *state.uplinks[1:]))
    host = replace(HOST, managers=managers(version=version, dynamic=frozenset(map(Family, dynamic)), gateways=gateways))
    text = networkd.render(state, host, Placement.ADMIN)[0].text
    assert f"[Route]\nDestination=0.0.0.0/0\nGateway={word}\n" in text


def test_gateway_of_a_router_advertisement() -> None:
    """networkd does not say that it accepts them where that is its default."""
    state = kernel_state((TWO_SUBNETS[0], Wire("eth1", "2001:db8:0:2::10/64", "fe80::1")))
    uplink = replace(state.uplinks[1].uplink, dynamic=True)
    state = replace(state, uplinks=(state.uplinks[0], replace(state.uplinks[1], uplink=uplink)))
    assert "Gateway=_ipv6ra\n" in networkd.render(state, on("252"), Placement.ADMIN)[1].text
    by_hand = replace(uplink, gateway_source="--gateway")
    state = replace(state, uplinks=(state.uplinks[0], replace(state.uplinks[1], uplink=by_hand)))
    assert "Gateway=fe80::1\n" in networkd.render(state, on("252"), Placement.ADMIN)[1].text


def test_what_is_dynamic_and_not_followed_is_said() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24 dynamic"},
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9"],
    )
    notes = lower(plan_for(host), networkd.capabilities(on("246"))).notes
    assert [note for note in notes if "eth1 (IPv4) select 198.51.100.0/24" in note] != []
    assert not [note for note in notes if "eth0" in note and "select" in note]
    later = lower(plan_for(host), networkd.capabilities(on("247"))).notes
    assert not [note for note in later if "select" in note]


# --- rules of others, one priority each ----------------------------------------------------------


def repeating(count: int, **capabilities: Any) -> tuple[list[int], tuple[str, ...]]:
    """Priorities of the first uplink's rules where ``count`` rules of others stand between ours and main."""
    rules = [make_rule(Family.IPV4, 32700 + number, table=900 + number, mark=number + 1) for number in range(count)]
    state = lower(plan_for(two_uplinks(rules=rules)), replace(Capabilities(), **capabilities))
    return [rule.priority for rule in state.uplinks[0].rules], state.notes


def test_repeats_keep_their_order_where_priorities_have_none() -> None:
    assert repeating(2)[0] == [32000, 32000, 32000, 32001, 32002, 32003]
    assert repeating(2, ordered=False)[0] == [32000, 32001, 32002, 32003, 32004, 32005]
    assert repeating(0, ordered=False)[0] == repeating(0)[0]


def test_more_repeats_than_room() -> None:
    priorities, notes = repeating(7, ordered=False)
    assert max(priorities) == 32008
    assert "rule 32706 of others is repeated without an order among equals" in " ".join(notes)


def test_rule_types_before_248() -> None:
    closing = lower(plan_for(two_uplinks(), fail_closed=True), Capabilities(error_rules=False))
    assert not [rule for rule in closing.rules if rule.action is RuleAction.UNREACHABLE]
    assert "eth0 is not closed on failure: this backend has no such rule" in closing.notes
    rules = [make_rule(Family.IPV4, 32700, action=RuleAction.PROHIBIT, mark=1)]
    state = lower(plan_for(two_uplinks(rules=rules)), Capabilities(error_rules=False))
    assert any("rule 32700 of others is bypassed by eth0" in note for note in state.notes)


# --- quoting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["192.0.2.0/24", "2001:db8::/32", "_dhcp4", "0x1/0xff", "a;b", "'q\"", "#x", "$(id)"])
def test_value_that_a_file_can_carry(text: str) -> None:
    assert templating.networkd(text) == text


@pytest.mark.parametrize("text", ["", "a b", "a\nb", "a\tb", "ends\\", "ünï", "a\udcff", "\x7f"])
def test_value_that_no_file_can_carry(text: str) -> None:
    with pytest.raises(UnsupportedError, match="cannot carry"):
        templating.networkd(text)


@pytest.mark.parametrize("name", ["%n", "a:b", "..%", "all", "default", "123", "a b"])
def test_interface_that_networkd_takes_not(name: str) -> None:
    rule = make_rule(Family.IPV4, 5, oif=name, table=7)
    state = replace(STATE.uplinks[0], rules=(rule,))
    with pytest.raises(UnsupportedError):
        list(sections(state, follows=False))


@pytest.mark.parametrize("name", ["a;reboot", "$(id)", "%n", "-rf", "x'y\"z", "a\\", "\udcff"])
def test_hostile_names_stay_in_comments(name: str) -> None:
    wires = [replace(wire, interface=name) if wire.interface == "eth1" else wire for wire in TWO_SUBNETS]
    host = replace(HOST, hostname="web1\n[Match]", managers=managers({"eth0": FILES["eth0"], name: "11-x.network"}))
    for file in networkd.render(kernel_state(wires, sysctls=False), host, Placement.ADMIN):
        lines = [line for line in file.text.splitlines() if line and not line.startswith("#")]
        assert not any(name in line or "Match" in line for line in lines if "asymgen_" not in line)


# --- commands ------------------------------------------------------------------------------------


def moving_host(version: str) -> list[str]:
    state = moving(kernel_state(TWO_SUBNETS))
    return [str(file.path) for file in networkd.render(state, on(version), Placement.ADMIN)]


def test_follower_only_where_addresses_move() -> None:
    names = {"follow-networkd", "asymgen-follow.path", "asymgen-follow.service"}
    assert names <= {path.rpartition("/")[2] for path in moving_host("252")}
    assert "/etc/systemd/system/systemd-networkd.service.d/50-asymgen.conf" in moving_host("252")
    assert not [path for path in moving_host("246") if "follow" in path], "no gateway of a lease in a drop-in"
    assert not [path for path in texts(on("252")) if "follow" in path]


def test_follower_of_a_package_lies_below_usr() -> None:
    files = networkd.render(moving(kernel_state(TWO_SUBNETS)), on("252"), Placement.VENDOR)
    mine = [file for file in files if "follow" in str(file.path) or "networkd.service.d" in str(file.path)]
    assert len(mine) == 3, "no drop-in: the package enables the units"
    assert all(str(file.path).startswith(("/usr/lib/", "/usr/libexec/")) and not file.config for file in mine)
    assert [file.mode for file in mine] == [0o755, 0o644, 0o644]
    assert all("\n[Install]\nWantedBy=systemd-networkd.service\n" in file.text for file in mine[1:])


ROUTES_OF_ONE_SUBNET = [
    "default via 192.0.2.1 dev eth0", "default via 192.0.2.1 dev eth1 metric 9",
    "default via fe80::1 dev eth0", "default via fe80::1 dev eth1 metric 2048",
]  # fmt: skip


def test_activation_reloads() -> None:
    """The reload, and what follows addresses only where its script lies."""
    programs = {version: [step.argv[0] for step in networkd.activation(on(version))] for version in ("252", "243")}
    assert programs == {"252": ["sh", "networkctl", "sh"], "243": ["sh", "systemctl", "sh"]}
    assert networkd.activation(on("252"))[1].argv == ("networkctl", "reload")
    assert networkd.activation(on("243"))[1].argv == ("systemctl", "restart", "systemd-networkd.service")
    assert networkd.after_removal(on("252")) == networkd.activation(on("252"))[:2]
    for step in (networkd.activation(on("252"))[2], *networkd.deactivation(on("252"))):
        assert step.argv[:2] == ("sh", "-c")
        assert step.argv[2].startswith("[ ! -x /usr/local/lib/asymgen/follow-networkd ] || ")
    assert networkd.depends(STATE, "deb") == ("systemd",)
