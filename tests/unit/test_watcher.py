"""Where asymgen-watch is needed and why, what its files are, and how it begins and ends."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from asymgen.backends import BACKENDS, watcher
from asymgen.detection import detect
from asymgen.foreign import LOWEST_JUMP
from asymgen.lowering import lower
from asymgen.model import (
    Choices,
    Family,
    Followed,
    Host,
    Kept,
    Link,
    ManagedInterface,
    Managers,
    Placement,
    Range,
    Rule,
    RuleAction,
    Watched,
)
from asymgen.planfile import plan_text, read_kept
from tests.hosts import ALL, looks_up, lower_for, make_host, make_link, make_rule, plan_for
from tests.states import HOST, TWO_SUBNETS, kernel_state, moving, watched

SCRIPT = PurePosixPath("/usr/local/lib/asymgen/asymgen-watch")
UNIT = PurePosixPath("/etc/systemd/system/asymgen-watch.service")
WANTED = PurePosixPath("/etc/systemd/system/multi-user.target.d/50-asymgen-watch.conf")
WG = make_link("wg0", "10.10.0.2/32", kind="wireguard")
TUN = make_link("tun0", "10.10.0.2/32", kind="tun")


def host(*rules: Rule, more: tuple[str, ...] = (), links: tuple[Link, ...] = ()) -> Host:
    interfaces: dict[str, str | Link] = {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24"}
    interfaces.update({link.name: link for link in links})
    routes = ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9", *more]
    return make_host(interfaces, routes, rules=rules)


def wg_quick(priority: int, table: int = 51820) -> list[Rule]:
    return [
        make_rule(Family.IPV4, priority - 1, table=254, suppress_prefixlength=0),
        make_rule(Family.IPV4, priority, inverted=True, mark=table, mask=0xFFFFFFFF, table=table),
    ]


def tunnel_host(priority: int, *rules: Rule) -> Host:
    return host(*wg_quick(priority), *rules, more=("default dev tun0 table 51820",), links=(TUN,))


# --- whether and why ---


def test_nothing_watches_where_nothing_says_so() -> None:
    plan = plan_for(host())
    assert (plan.watch, plan.kept.watch, plan.notes) == ("", "", ())
    assert lower_for(host()).watched == ()
    for backend in BACKENDS:
        detection = detect(host(), Choices(backends={"": backend}, network_files=FILES), Kept())
        assert not [file for file in detection.files if "asymgen-watch" in file.text]


FILES = {"eth0": "10-eth0.network", "eth1": "10-eth1.network"}


@pytest.mark.parametrize(
    ("made", "ahead", "why"),
    [
        (host(), True, "--ahead says so"),
        (host(links=(WG,)), False, "wg0 is a WireGuard interface, and wg-quick puts its rules ahead of all others"),
        (tunnel_host(32765), False, "a rule leads everything into the tunnel of table 51820"),
        (tunnel_host(31000), False, "a rule leads everything into the tunnel of table 51820"),
    ],
    ids=["asked", "wireguard", "behind ours", "ahead of ours"],
)
def test_why(made: Host, *, ahead: bool, why: str) -> None:
    plan = plan_for(made, ahead=ahead)
    assert plan.watch == why
    [note] = [note for note in plan.notes if "asymgen-watch" in note]
    assert note.startswith(f"{why}: asymgen-watch, one of the files, keeps answers ahead")
    assert lower_for(made, ahead=ahead).watched == (
        Watched(Family.IPV4, "eth0", Range(32000, 32009), 1), Watched(Family.IPV4, "eth1", Range(32010, 32019), 2),
    )  # fmt: skip


def test_a_table_that_takes_nothing_is_no_reason() -> None:
    networks = host(make_rule(Family.IPV4, 5270, table=52), more=("100.64.0.9/32 dev tun0 table 52",), links=(TUN,))
    assert plan_for(networks).watch == ""
    asked = plan_for(networks, ahead=True)
    assert asked.watch_routes, "a default may come into table 52 without a change of rules"
    assert not plan_for(host(), ahead=True).watch_routes
    assert "ip monitor rule route" in _script(networks)
    assert '"$IP" monitor rule 2' in _script(host())


def _script(made: Host) -> str:
    detection = detect(made, Choices(ahead=True, backends={"": "sysv"}), Kept())
    return next(file.text for file in detection.files if file.path == SCRIPT)


def test_a_tunnel_that_is_down_for_the_moment_keeps_its_watcher() -> None:
    first = plan_for(tunnel_host(31000))
    kept, note = read_kept(plan_text(first), host(), "plan.json")
    assert (kept.watch, note) == (first.watch, "")
    second = plan_for(host(), kept=kept)
    assert second.watch == second.kept.watch == first.watch


@pytest.mark.parametrize("ahead", [False, True])
def test_one_uplink_that_a_tunnel_may_cut_off_is_work_to_do(*, ahead: bool) -> None:
    alone = make_host({"eth0": "192.0.2.10/24"}, ["default via 192.0.2.1 dev eth0"])
    assert plan_for(alone, ahead=ahead).nothing_to_do is not ahead
    assert plan_for(alone, kept=Kept(watch="a reason")).nothing_to_do is False
    assert plan_for(make_host({}), ahead=True).nothing_to_do, "without an uplink there is nothing to watch"
    assert plan_for(make_host({}), ahead=True).watch == ""


# --- addresses that no event tells of ---


def advertised(words: str) -> Host:
    """eth0 is static in both families; ``words`` are flags of eth1's addresses."""
    interfaces: dict[str, str | Link] = {
        "eth0": make_link("eth0", ("192.0.2.10/24", "2001:db8:a::10/64")),
        "eth1": make_link("eth1", (f"198.51.100.10/24 {words}", f"2001:db8:b::10/64 {words}")),
    }
    gateways = {"eth0": ("192.0.2.1", "2001:db8:a::1"), "eth1": ("198.51.100.1 metric 9", "fe80::1 metric 9")}
    routes = [
        f"default via {way.partition(' ')[0]} dev {name} {way.partition(' ')[2]}".strip()
        for name, ways in gateways.items()
        for way in ways
    ]
    return make_host(interfaces, routes)


def followed_by(backend: str, made: Host, **choices: Any) -> tuple[str, ...]:
    found = detect(made, Choices(backends={"": backend}, network_files=FILES, **choices), Kept())
    scripts = [file for file in found.files if file.path == SCRIPT]
    assert bool(scripts) is found.state.needs_watcher
    assert all(
        f"followed {one.interface} {one.script}\n" in file.text for file in scripts for one in found.state.followed
    )
    assert {one.script for one in found.state.followed} <= {
        str(file.path) for file in found.files if file.mode == 0o755
    }
    return tuple(one.interface for one in found.state.followed)


@pytest.mark.parametrize("backend", ["ifupdown", "networkmanager", "sysv"])
def test_who_follows_what_no_event_tells_of(backend: str) -> None:
    assert followed_by(backend, advertised("dynamic")) == ("eth1",)
    assert followed_by(backend, advertised("")) == ()
    # sysv hears of no lease either, nor does a NetworkManager of unknown age; ifupdown's clients have hooks for those
    leased = followed_by(backend, advertised("dynamic"), families=frozenset({Family.IPV4}))
    assert leased == (() if backend == "ifupdown" else ("eth1",))


def test_networkd_hears_of_everything_but_privacy_addresses_that_have_rules_of_their_own() -> None:
    assert followed_by("systemd-networkd", advertised("dynamic")) == ()
    assert followed_by("systemd-networkd", advertised("dynamic temporary")) == (), "a rule by prefix covers them"
    privacy = "2001:db8:a::c/64 dynamic temporary"
    shared = make_host(
        {"eth0": make_link("eth0", ("192.0.2.10/24", "2001:db8:a::10/64")),
         "eth1": make_link("eth1", ("198.51.100.10/24", "2001:db8:a::b/64 dynamic", privacy))},
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9",
         "default via 2001:db8:a::1 dev eth0", "default via fe80::1 dev eth1 metric 9"],
    )  # fmt: skip
    assert followed_by("systemd-networkd", shared) == ("eth1",)
    old = replace(shared, managers=Managers(installed={"networkd": "246"}))
    assert followed_by("systemd-networkd", old) == (), "it has no script that could be told"


def test_two_backends_have_one_watcher_for_their_interfaces() -> None:
    made = advertised("dynamic")
    choices = Choices(backends={"eth1": "networkmanager", "": "sysv"})
    found = detect(made, choices, Kept())
    assert found.state.followed == (Followed("eth1", "/etc/NetworkManager/dispatcher.d/50-asymgen"),)
    [script] = [file for file in found.files if file.path == SCRIPT]
    assert script.why == "follows addresses that move without an event: of eth1"
    assert '"$IP" monitor address route 2' in script.text
    both = detect(made, replace(choices, ahead=True), Kept())
    [script] = [file for file in both.files if file.path == SCRIPT]
    assert '"$IP" monitor rule address route 2' in script.text


@pytest.mark.parametrize("placement", list(Placement))
@pytest.mark.parametrize("backend", BACKENDS)
def test_watcher_calls_a_script_that_the_backend_writes(backend: str, placement: Placement) -> None:
    files = {name: ManagedInterface("networkd", f"{name}.network") for name in ("eth0", "eth1")}
    made = replace(HOST, managers=Managers("systemd", interfaces=files))
    written = BACKENDS[backend].render(moving(kernel_state(TWO_SUBNETS)), made, placement)
    [script] = [file for file in written if str(file.path) == BACKENDS[backend].follower(placement)]
    assert script.mode == 0o755


@pytest.mark.parametrize("placement", list(Placement))
def test_a_stopped_service_stays_stopped(placement: Placement) -> None:
    """sysv's service says what shall be there: its watcher goes and comes with it. Nobody stops a dispatcher."""
    units = {}
    for backend in ("sysv", "networkmanager"):
        found = detect(advertised("dynamic"), Choices(backends={"": backend}), Kept(), placement=placement)
        units[backend] = {file.path.name: file.text for file in found.files if file.path.suffix == ".service"}
    service, watch = (
        ("asymgen.service", "asymgen-watch.service")
        if placement is Placement.ADMIN
        else ("asymgen-config.service", "asymgen-config-watch.service")
    )
    assert f"\nPartOf={service}\nAfter={service}\n" in units["sysv"][watch]
    assert f"\nWants=network-online.target {watch}\n" in units["sysv"][service]
    assert "PartOf" not in units["networkmanager"][watch]


# --- where the jump stands ---


def test_only_uplinks_behind_the_tunnel_jump() -> None:
    """A rule that came without a priority can stand among the priorities of ours."""
    state = lower(plan_for(tunnel_host(32005), kept=plan_for(host()).kept), ALL)
    found = looks_up(state, action=RuleAction.GOTO)
    assert [(rule.priority, rule.target, str(rule.source)) for rule in found] == [(32004, 32010, "198.51.100.0/24")]


@pytest.mark.parametrize("priority", [1, LOWEST_JUMP, LOWEST_JUMP + 1])
def test_no_room_before_the_tunnel_is_said(priority: int) -> None:
    made = tunnel_host(priority)
    notes = [note for note in plan_for(made).notes if "no jump fits" in note]
    jumps = looks_up(lower_for(made), action=RuleAction.GOTO)
    if priority > LOWEST_JUMP:
        assert notes == []
        assert {rule.priority for rule in jumps} == {LOWEST_JUMP}
    else:
        assert jumps == []
        assert notes[0].startswith(f"rule {priority} (table 51820) takes IPv4 answers into its tunnel")
        assert '"Table = off" and PostUp' in notes[0]


def test_what_a_later_jump_would_bypass_is_repeated() -> None:
    """wg-quick will stand before Tailscale's numbered rules, and the jump with it."""
    marked = make_rule(Family.IPV4, 5210, mark=0x80000, mask=0xFF0000, table=254)
    own = make_rule(Family.IPV4, 5270, table=52)
    assert plan_for(host(marked, own)).repeats == ()
    assert plan_for(host(marked, own), ahead=True).repeats == (marked, own)


def test_a_rule_that_leads_backwards_cannot_be_repeated() -> None:
    backwards = make_rule(Family.IPV4, 100, action=RuleAction.GOTO, target=200, mark=1, mask=0xFFFFFFFF)
    state = lower_for(host(backwards), ahead=True)
    assert looks_up(state, action=RuleAction.GOTO) == []
    assert any("rule 100 of others is bypassed by eth0: it leads to priority 200" in note for note in state.notes)


# --- files ---


@pytest.mark.parametrize("init, has_unit", [("systemd", True), ("", True), ("sysvinit", False), ("openrc", False)])
def test_unit_where_systemd_may_be(init: str, *, has_unit: bool) -> None:
    made = replace(HOST, managers=Managers(init=init))
    files = {file.path: file for file in watcher.render(watched(kernel_state(TWO_SUBNETS)), made, Placement.ADMIN)}
    assert set(files) == ({SCRIPT, UNIT, WANTED} if has_unit else {SCRIPT})
    if has_unit:  # an image that is written with --root starts it, too
        assert files[WANTED].text.endswith("[Unit]\nWants=asymgen-watch.service\n")
    assert files[SCRIPT].mode == 0o755
    assert files[SCRIPT].why == "keeps answers ahead of tunnels: --ahead says so"
    assert "# Here because it\n#   keeps answers ahead of tunnels: --ahead says so\n" in files[SCRIPT].text
    assert (str(UNIT) in files[SCRIPT].text) is has_unit


def test_in_a_package_all_of_it_goes_with_the_package() -> None:
    files = watcher.render(watched(kernel_state(TWO_SUBNETS)), HOST, Placement.VENDOR)
    assert [str(file.path) for file in files] == [
        "/usr/libexec/asymgen/asymgen-watch", "/usr/lib/systemd/system/asymgen-config-watch.service",
    ]  # fmt: skip
    assert "ExecStart=/usr/libexec/asymgen/asymgen-watch run\n" in files[1].text


def test_one_watcher_for_a_host_of_two_backends() -> None:
    detection = detect(host(), Choices(ahead=True, backends={"eth0": "ifupdown", "": "sysv"}), Kept())
    [script] = [file for file in detection.files if file.path == SCRIPT]
    assert "watched 4 eth0 32000 32009 1\nwatched 4 eth1 32010 32019 2\n" in script.text
    assert detection.state.watch == "--ahead says so"


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_writes_it_and_leaves_the_jumps_to_it(backend: str) -> None:
    choices = Choices(backends={"": backend}, network_files=FILES)
    detection = detect(tunnel_host(31000), choices, Kept())
    assert looks_up(detection.state, action=RuleAction.GOTO, priority=30999)
    assert SCRIPT in {file.path for file in detection.files}
    assert not [file.path for file in detection.files if "30999" in file.text]


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """Its own check; the script must be there, and nothing is started."""
    unit = watcher.render(watched(kernel_state(TWO_SUBNETS)), HOST, Placement.ADMIN)[1]
    script = tmp_path / "watch"
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    script.chmod(0o755)
    path = tmp_path / unit.path.name
    path.write_text(unit.text.replace(str(SCRIPT), str(script)), encoding="utf-8")
    checked = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


# --- commands ---


def test_it_is_started_and_ended() -> None:
    state = watched(kernel_state(TWO_SUBNETS))
    on_systemd, elsewhere = (replace(HOST, managers=Managers(init=init)) for init in ("systemd", "sysvinit"))
    assert watcher.activation(on_systemd, kernel_state(TWO_SUBNETS)) == ()
    assert [step.argv for step in watcher.activation(on_systemd, state)] == [
        ("systemctl", "daemon-reload"), ("systemctl", "enable", "asymgen-watch.service"),
        ("systemctl", "restart", "asymgen-watch.service"),
    ]  # fmt: skip
    assert [step.argv for step in watcher.deactivation(on_systemd)] == [
        ("systemctl", "disable", "--now", "asymgen-watch.service")
    ]
    assert [step.argv for step in watcher.after_removal(on_systemd)] == [("systemctl", "daemon-reload")]
    assert [step.argv for step in watcher.activation(elsewhere, state)] == [(str(SCRIPT), "restart")]
    assert [step.argv for step in watcher.deactivation(elsewhere)] == [(str(SCRIPT), "stop")]
    assert watcher.after_removal(elsewhere) == ()
