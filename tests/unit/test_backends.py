"""Choosing a backend, what each can express, the shared files, and the commands around them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from asymgen.backends import BACKENDS, choose, ifupdown, networkmanager, shared_files, shell, sysv
from asymgen.detection import detect
from asymgen.errors import UnsupportedError, UsageError
from asymgen.model import (
    Capabilities,
    Choices,
    Family,
    Fit,
    Host,
    Kept,
    KernelState,
    ManagedInterface,
    Managers,
    Placement,
    RenderedFile,
)
from asymgen.report import report_lines, to_document
from asymgen.system.on_disk import preview
from tests.hosts import make_host
from tests.states import HOST, ONE_SUBNET, TWO_SUBNETS, Wire, kernel_state, renamed

STATE = kernel_state(TWO_SUBNETS)
SHELL_BACKENDS = (ifupdown, networkmanager, sysv)


def _host(*, init: str = "systemd", managed: Mapping[str, str] | None = None, **versions: str) -> Host:
    interfaces = {
        name: ManagedInterface(manager, "/etc/network/interfaces") for name, manager in (managed or {}).items()
    }
    return replace(HOST, managers=Managers(init=init, installed=versions, interfaces=interfaces))


def test_backends_are_listed_by_their_names() -> None:
    assert [(name, backend.NAME) for name, backend in BACKENDS.items()] == [(name, name) for name in BACKENDS]


@pytest.mark.parametrize("host, name, fit", [
    (_host(managed={"eth0": "ifupdown"}, ifupdown="0.8.41"), "ifupdown", Fit.MANAGES),
    (_host(ifupdown="0.8.41"), "ifupdown", Fit.INSTALLED),  # a tie: what hears of a link that comes up wins
    (_host(managed={"eth0": "NetworkManager"}, ifupdown="0.8.41"), "networkmanager", Fit.MANAGES),
    (_host(NetworkManager="1.42.4"), "networkmanager", Fit.INSTALLED),
    (_host(managed={"eth0": "wicked"}, NetworkManager="1.42.4", wicked=""), "sysv", Fit.INSTALLED),
    (_host(init="sysvinit", networkd=""), "sysv", Fit.INSTALLED),
    (_host(init=""), "ifupdown", Fit.DISTRIBUTION_DEFAULT),
    (replace(_host(init=""), os_release={"ID": "ol", "ID_LIKE": "fedora"}), "networkmanager", Fit.DISTRIBUTION_DEFAULT),
    (replace(_host(init=""), os_release={"ID": "ubuntu", "ID_LIKE": "debian"}), "sysv", Fit.DISTRIBUTION_DEFAULT),
    (_host(init="openrc", ifupdown=""), "ifupdown", Fit.INSTALLED),
])  # fmt: skip
def test_highest_rung_wins(host: Host, name: str, fit: Fit) -> None:
    backend, reason = choose(host, "eth0", {})
    assert (backend.NAME, reason.fit) == (name, fit)
    assert reason.why != ""


@pytest.mark.parametrize("host, who", [
    (_host(managed={"eth0": "wicked"}, wicked="0.6.77"), "wicked brings eth0 up and has no backend: "),
    (_host(managed={"eth0": "dhcpcd"}, dhcpcd="9.4.1"), "dhcpcd brings eth0 up and has no backend: "),
    (_host(managed={"eth0": "network-scripts"}), "network-scripts brings eth0 up and has no backend: "),
    (_host(networkd="252"), "nothing that is known here brings eth0 up: "),
    (_host(), ""),
])  # fmt: skip
def test_manager_without_a_backend_is_named_with_what_fits(host: Host, who: str) -> None:
    backend, reason = choose(host, "eth0", {})
    assert backend.NAME == "sysv"
    assert reason.why == f"{who}a service of systemd at boot; no events when eth0 goes down and up"


def test_report_says_it_for_every_manager(tmp_path: Path) -> None:
    """Three interfaces, two managers: each reason once, in the text and in the JSON."""
    managed = {"eth0": "wicked", "eth1": "wicked", "eth2": "dhcpcd"}
    host = make_host(
        {name: f"192.0.{number}.10/24" for number, name in enumerate(managed)},
        [f"default via 192.0.{number}.1 dev {name} metric {number}" for number, name in enumerate(managed)],
    )
    host = replace(host, managers=_host(managed=managed, wicked="", dhcpcd="").managers)
    found = detect(host, Choices(), Kept())
    changes = preview(tmp_path, found.files)
    [told] = to_document(found, changes, ())["backends"]
    assert (told["name"], told["interfaces"]) == ("sysv", list(managed))
    assert told["why"].count("wicked brings eth0 up and has no backend") == 1
    assert told["why"].count("dhcpcd brings eth2 up and has no backend") == 1
    assert told["why"] in "\n".join(report_lines(found, changes))


def test_asked_for_wins() -> None:
    host = _host(managed={"eth0": "ifupdown"}, ifupdown="0.8.41")
    assert choose(host, "eth0", {"": "sysv"})[0].NAME == "sysv"
    assert choose(host, "eth0", {"": "sysv", "eth0": "ifupdown"})[0].NAME == "ifupdown"
    assert choose(host, "eth0", {"eth1": "sysv"})[0].NAME == "ifupdown"


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(UsageError, match="--backend runit: there is no such backend") as caught:
        choose(_host(), "eth0", {"": "runit"})
    assert "ifupdown, networkmanager, systemd-networkd, sysv" in caught.value.hint


def test_nobody_fits() -> None:
    with pytest.raises(UnsupportedError, match=r"no backend suits eth0: ifupdown: .*; sysv: runit runs neither"):
        choose(_host(init="runit", managed={"eth0": "dhcpcd"}, dhcpcd=""), "eth0", {})


def test_each_interface_gets_its_own() -> None:
    host = _host(managed={"eth0": "ifupdown", "eth1": "dhcpcd"}, ifupdown="", dhcpcd="")
    assert [choose(host, interface, {})[0].NAME for interface in ("eth0", "eth1")] == ["ifupdown", "sysv"]
    assert choose(host, "eth0", {"eth0": "sysv"})[0].NAME == "sysv"


@pytest.mark.parametrize("kernel, iproute2, wanted", [
    ("6.1.0-18-amd64", "6.1.0", Capabilities()),
    ("", "", Capabilities()),
    ("4.17.0", "4.17.0", Capabilities()),
    ("4.18.0-553.el8", "ss180813", Capabilities()),
    ("4.15.0-20-generic", "ss180129", Capabilities(rule_protocol=False)),
    ("5.4.0", "ss180129", Capabilities(rule_protocol=False)),
    ("4.9.0", "5.10.0", Capabilities(rule_protocol=False)),
    ("3.10.0-1160.el7", "ss170501", Capabilities(rule_protocol=False)),
    ("3.2.0", "", Capabilities(rule_protocol=False, suppress_prefixlength=False, suppress_ifgroup=False)),
])  # fmt: skip
def test_capabilities(kernel: str, iproute2: str, wanted: Capabilities) -> None:
    for backend in (ifupdown, sysv):
        found = backend.capabilities(replace(HOST, kernel=kernel, iproute2=iproute2))
        assert replace(found, unheard=()) == wanted


@pytest.mark.parametrize("name", ["a#b", "'q'", '"q"', "tab\there", "bell\a", "new\nline"])
@pytest.mark.parametrize("backend", ["ifupdown", "sysv"])
def test_name_that_a_batch_cannot_carry_is_refused(name: str, backend: str) -> None:
    state = kernel_state(renamed(TWO_SUBNETS, eth1=name))
    with pytest.raises(UnsupportedError, match="cannot carry") as caught:
        BACKENDS[backend].render(state, HOST, Placement.ADMIN)
    assert "--exclude" in caught.value.hint


@pytest.mark.parametrize("name", ["a=b", "a*b", "a?b", "[ab]"])
def test_name_that_sysctl_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedError, match=r"sysctl\.d cannot carry"):
        sysv.render(kernel_state(renamed(TWO_SUBNETS, eth1=name)), HOST, Placement.ADMIN)


@pytest.mark.parametrize("backend", ["ifupdown", "networkmanager", "sysv"])
def test_files_and_their_places(backend: str) -> None:
    own = {
        ("ifupdown", Placement.ADMIN): {"/etc/network/if-up.d/asymgen", "/etc/network/if-post-down.d/asymgen"},
        ("ifupdown", Placement.VENDOR): {
            "/etc/network/if-up.d/asymgen-config", "/etc/network/if-post-down.d/asymgen-config",
            "/usr/libexec/asymgen/routing-ifupdown",
        },
        ("networkmanager", Placement.ADMIN): {"/etc/NetworkManager/dispatcher.d/50-asymgen"},
        ("networkmanager", Placement.VENDOR): {"/usr/lib/NetworkManager/dispatcher.d/50-asymgen"},
        ("sysv", Placement.ADMIN): {
            "/etc/init.d/asymgen", "/etc/systemd/system/asymgen.service", "/usr/local/lib/asymgen/routing",
            "/etc/systemd/system/multi-user.target.d/50-asymgen.conf",
        },
        ("sysv", Placement.VENDOR): {
            "/etc/init.d/asymgen-config", "/usr/lib/systemd/system/asymgen-config.service",
            "/usr/libexec/asymgen/routing",
        },
    }  # fmt: skip
    sysctl = {Placement.ADMIN: "/etc/sysctl.d/60-asymgen.conf", Placement.VENDOR: "/usr/lib/sysctl.d/60-asymgen.conf"}
    for placement in Placement:
        name = "asymgen.conf" if placement is Placement.ADMIN else "asymgen-config.conf"
        shared = {f"/etc/iproute2/rt_tables.d/{name}", f"/etc/iproute2/rt_protos.d/{name}"}
        files = BACKENDS[backend].render(STATE, HOST, placement)
        assert {str(file.path) for file in files} == own[backend, placement] | shared | {sysctl[placement]}
        for file in files:
            assert file.mode == (0o755 if file.text.startswith("#!") else 0o644)
            assert "web1" in file.text
            undo = "asymgen remove" if placement is Placement.ADMIN else "emove the package"
            assert undo in file.text or file.path.match("/etc/network/*/asymgen-config")
            assert file.why


def test_unit_does_not_wrap_the_init_script() -> None:
    files = {str(file.path): file.text for file in sysv.render(STATE, HOST, Placement.ADMIN)}
    unit = files["/etc/systemd/system/asymgen.service"]
    assert "ExecStart=/usr/local/lib/asymgen/routing start\n" in unit
    assert "init.d" not in unit
    plan = [line for line in files["/etc/init.d/asymgen"].splitlines() if line.startswith(("ip -4 ", "ip -6 "))]
    assert [line for line in files["/usr/local/lib/asymgen/routing"].splitlines() if line in plan] == plan
    assert "ip -4 rule add pref 32013 from 198.51.100.0/24 iif lo lookup 2 protocol 97" in plan


def test_init_script_has_what_lsb_and_chkconfig_read() -> None:
    text = next(file.text for file in sysv.render(STATE, HOST, Placement.ADMIN) if file.path.match("init.d/asymgen"))
    block = text.split("### BEGIN INIT INFO\n")[1].split("### END INIT INFO\n")[0]
    keys = {line[2:].split(":")[0] for line in block.splitlines() if not line.startswith("#  ")}
    assert keys >= {"Provides", "Required-Start", "Required-Stop", "Default-Start", "Default-Stop", "Short-Description"}
    assert "\n# chkconfig: 2345 " in text
    assert "\n# description: " in text


def test_table_names_are_plain_and_unique() -> None:
    wires = (Wire("a;b", "192.0.2.1/24", "192.0.2.9"), Wire("a b", "198.51.100.1/24", "198.51.100.9"))
    assert shared_files.table_names(kernel_state(wires)) == ((1, "asymgen_a_b"), (2, "asymgen_a_b_2"))
    same = renamed(TWO_SUBNETS, eth1="eth0.100")
    assert shared_files.table_names(kernel_state(same)) == ((1, "asymgen_eth0"), (2, "asymgen_eth0.100"))


def test_sysctls_keep_the_dots_of_interfaces() -> None:
    wires = renamed(ONE_SUBNET, eth1="eth0.100")
    files = shared_files.render(kernel_state(wires), HOST, Placement.ADMIN)
    assert "\n-net/ipv4/conf/eth0.100/arp_filter = 1\n" in files[-1].text
    assert shared_files.render(kernel_state(wires, sysctls=False), HOST, Placement.ADMIN) == files[:-1]


@pytest.mark.parametrize("version", ["249", "252 (252.39-1~deb12u2)", "257.1", ""])
def test_networkd_is_told_to_leave_us_alone(version: str) -> None:
    host = replace(HOST, managers=Managers(installed={"networkd": version}, running=frozenset({"networkd"})))
    for backend in SHELL_BACKENDS:
        file = next(file for file in backend.render(STATE, host, Placement.ADMIN) if "networkd" in str(file.path))
        assert file.path == PurePosixPath("/etc/systemd/networkd.conf.d/50-asymgen.conf")
        assert file.text.endswith("[Network]\nManageForeignRoutingPolicyRules=no\nManageForeignRoutes=no\n")


@pytest.mark.parametrize("version", ["247.3-7+deb11u5", "248"])
def test_networkd_that_cannot_be_told_is_refused(version: str) -> None:
    host = replace(HOST, managers=Managers(installed={"networkd": version}, running=frozenset({"networkd"})))
    for backend in SHELL_BACKENDS:
        with pytest.raises(UnsupportedError, match="removes the rules of others"):
            backend.render(STATE, host, Placement.ADMIN)


@pytest.mark.parametrize("running, version", [(frozenset(), "252"), (frozenset({"networkd"}), "241")])
def test_networkd_that_does_no_harm(running: frozenset[str], version: str) -> None:
    host = replace(HOST, managers=Managers(installed={"networkd": version}, running=running))
    assert shared_files.networkd_tolerance(host, Placement.ADMIN) == ()


def test_activation_is_safe_over_ssh_and_undone() -> None:
    for host in (_host(), _host(init="sysvinit"), replace(_host(init="sysvinit"), os_release={"ID": "rhel"})):
        for backend in BACKENDS.values():
            commands = (*backend.activation(host), *backend.deactivation(host))
            assert not {"ifup", "ifdown", "networking"} & {word for command in commands for word in command.argv}
            assert all(command.why for command in commands)
    assert sysv.activation(_host())[-1].argv == ("systemctl", "restart", "asymgen.service")
    assert sysv.activation(_host(init="sysvinit"))[0].argv == ("update-rc.d", "asymgen", "defaults")
    rhel = replace(_host(init="sysvinit"), os_release={"ID": "rhel"})
    assert sysv.deactivation(rhel)[-1].argv == ("chkconfig", "--del", "asymgen")


def test_depends() -> None:
    assert sysv.depends(STATE, "deb") == ("iproute2",)
    assert sysv.depends(STATE, "rpm") == ("iproute",)
    assert "ifupdown | ifupdown2 | ifupdown-ng" in ifupdown.depends(STATE, "deb")


def test_old_networkmanager_reads_no_scripts_of_packages() -> None:
    old = _host(NetworkManager="1.18.8")
    with pytest.raises(UnsupportedError, match=r"reads dispatcher scripts in /etc alone"):
        networkmanager.render(STATE, old, Placement.VENDOR)
    assert networkmanager.render(STATE, old, Placement.ADMIN)[0].path == networkmanager.MARK
    assert networkmanager.render(STATE, _host(NetworkManager="1.20"), Placement.VENDOR)


def test_dispatcher_is_enabled_where_the_bus_asks_systemd() -> None:
    enable = ("systemctl", "enable", "NetworkManager-dispatcher.service")
    assert [step.argv for step in networkmanager.activation(_host())] == [enable, (str(networkmanager.MARK), "start")]
    assert len(networkmanager.activation(_host(init="sysvinit"))) == 1


@pytest.mark.parametrize(
    "version, unheard",
    [("1.42.4", (Family.IPV4, Family.IPV6)), ("", (Family.IPV4, Family.IPV6)), ("1.52.1", (Family.IPV6,))],
)
def test_leases_that_networkmanager_does_not_tell_of_are_watched(version: str, unheard: tuple[Family, ...]) -> None:
    host = _host(NetworkManager=version)
    assert networkmanager.capabilities(host).unheard == unheard


def _moving(**changes: Any) -> KernelState:
    uplinks = tuple(replace(each, uplink=replace(each.uplink, **changes)) for each in STATE.uplinks)
    return replace(STATE, uplinks=uplinks)


def _lease_hooks(state: KernelState, placement: Placement = Placement.ADMIN) -> dict[str, RenderedFile]:
    files = ifupdown.render(state, HOST, placement)
    return {str(file.path): file for file in files if "dhc" in str(file.path) or "ppp" in str(file.path)}


def test_hooks_of_clients_only_where_addresses_move() -> None:
    dhcp = {"/etc/dhcp/dhclient-exit-hooks.d/asymgen", "/usr/lib/dhcpcd/dhcpcd-hooks/70-asymgen"}
    assert _lease_hooks(STATE) == {}
    assert set(_lease_hooks(_moving(dynamic=True))) == dhcp
    assert set(_lease_hooks(_moving(gateway=None))) == {"/etc/ppp/ip-up.d/0asymgen", "/etc/ppp/ip-down.d/0asymgen"}
    packaged = _lease_hooks(_moving(dynamic=True), Placement.VENDOR)
    assert all("[ -x /usr/libexec/asymgen/routing-ifupdown ]" in file.text for file in packaged.values())
    assert {path for path, file in packaged.items() if file.config} == {
        "/etc/dhcp/dhclient-exit-hooks.d/asymgen-config"
    }


def test_two_gateways_of_one_interface_are_not_followed() -> None:
    """Which of the live addresses is whose cannot be told at run time."""
    state = _moving(dynamic=True)
    assert all(shell.moves(state, each.uplink) for each in state.uplinks)
    twice = replace(state, uplinks=(*state.uplinks, state.uplinks[0]))
    assert [shell.moves(twice, each.uplink) for each in twice.uplinks] == [False, True, True, True, False]


def test_hostname_cannot_leave_its_comment() -> None:
    host = replace(HOST, hostname="web1\nrm -rf /\x1b[2J")
    for backend in SHELL_BACKENDS:
        for file in backend.render(STATE, host, Placement.ADMIN):
            assert not any(line.startswith("rm ") or "\x1b" in line for line in file.text.splitlines())


def test_gateway_of_the_other_family_is_asked_for() -> None:
    state = kernel_state((TWO_SUBNETS[0], Wire("eth1", "198.51.100.10/24", "198.51.100.1")))
    uplink = replace(state.uplinks[1].uplink, gateway=ipaddress.ip_address("fe80::1"))
    text = shell.script(
        "shell/routing.sh.j2", replace(state, uplinks=(replace(state.uplinks[1], uplink=uplink),)), HOST,
        path="/x", role="", files=(),
    )  # fmt: skip
    assert "from 198.51.100.10  # must say: via inet6 fe80::1 dev eth1\n" in text
