"""The script against a real kernel: what it adds, what it leaves, what it takes away, what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asymgen.model import KernelState, Placement
from tests.shell.lab import OLD_HOST, SHELLS, Lab, lab
from tests.states import ONE_SUBNET, TWO_SUBNETS, Wire, kernel_state, with_extras

pytestmark = pytest.mark.netns

EXTRAS = with_extras(kernel_state(TWO_SUBNETS, mtu=1400))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, TWO_SUBNETS, state=EXTRAS) as built:
        yield built


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_start_twice_then_stop(host: Lab, shell: tuple[str, ...]) -> None:
    """The kernel holds the plan; the second run changes nothing; after stop nothing is left."""
    host.shell = shell
    before = host.dump()
    recorder = host.recorder()
    first = host.run("start", ASYMGEN_IP=recorder)
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    assert host.changing_commands() != []
    assert len(host.rules(4)) + len(host.rules(6)) == len(EXTRAS.rules)
    assert host.run("status").returncode == 0
    recorder = host.recorder()
    assert host.run("start", ASYMGEN_IP=recorder).returncode == 0
    assert host.changing_commands() == []
    stopped = host.run("stop")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert host.dump() == before


def test_groups_are_looked_at_one_by_one_where_one_is_somebody_elses(host: Lab) -> None:
    """The other is set all the same; an alias that reads like a line of ip(8) is not taken for one."""
    host.namespace.ip("link", "set", "dev", "eth0", "group", "7", "alias", "x\n9: eth1: <UP>")
    host.namespace.ip("link", "set", "dev", "eth1", "group", "42")
    first = host.run("start")
    assert (first.returncode, first.stderr) == (1, "asymgen: eth1 is in a device group of somebody else: left there\n")
    shown = [host.namespace.ip("link", "show", "dev", name) for name in ("eth0", "eth1")]
    assert "group 7 " in shown[0]
    assert "group 42 " in shown[1]


def test_answers_leave_by_their_own_uplink(tmp_path: Path) -> None:
    with lab(tmp_path, TWO_SUBNETS) as built:
        assert built.run("check").returncode == 1
        assert built.run("start").returncode == 0
        checked = built.run("check")
        assert (checked.returncode, checked.stdout) == (0, "asymgen: every address answers by its own uplink\n")
        for wire in TWO_SUBNETS:
            distant = "203.0.113.9" if wire.family == 4 else "2001:db8:ffff::9"
            answer = built.namespace.route_get(wire.family, distant, wire.address.split("/")[0])
            assert answer is not None
            assert (answer["dev"], answer["gateway"]) == (wire.interface, wire.gateway)


def test_one_subnet_on_two_interfaces(tmp_path: Path) -> None:
    with lab(tmp_path, ONE_SUBNET) as built:
        before = built.dump()
        assert built.run("start").returncode == 0
        for wire in ONE_SUBNET:
            neighbour = built.namespace.route_get(4, "192.0.2.77", wire.address.split("/")[0])
            assert neighbour is not None
            assert neighbour["dev"] == wire.interface
        assert built.run("stop").returncode == 0
        assert built.dump() == before


def test_interface_that_is_not_up_yet(host: Lab) -> None:
    """The rest is done; a later run does what was left out."""
    host.down("eth1")
    first = host.run("start")
    assert first.returncode == 0
    assert "eth1 is not up with an IPv4 address yet" in first.stderr
    assert "eth0" not in first.stderr
    answer = host.namespace.route_get(4, "203.0.113.9", "192.0.2.10")
    assert answer is not None
    status = host.run("status")
    assert status.returncode == 3
    assert "missing: ip -4 route replace default via 198.51.100.1 dev eth1" in status.stdout
    host.up("eth1")
    assert host.run("start").returncode == 0
    assert host.run("status").returncode == 0


def test_interface_that_is_missing(host: Lab) -> None:
    host.namespace.ip("link", "del", "eth1")
    first = host.run("start")
    assert first.returncode == 0
    assert "eth1 is not up" in first.stderr
    assert any("192.0.2.0/24" in rule for rule in host.rules(4))
    assert host.run("stop").returncode == 0
    assert host.rules(4) == host.rules(6) == []


def test_flap_of_each_interface(host: Lab) -> None:
    assert host.run("start").returncode == 0
    wanted = host.dump()
    for name in ("eth0", "eth1"):
        host.down(name)
        assert host.run("follow", name).returncode == 0
        assert not [rule for rule in (*host.rules(4), *host.rules(6)) if _source_of(name, rule)]
        assert host.run("status").returncode == 3
        host.up(name)
        if name == "eth0":
            host.namespace.ip("route", "add", "default", "via", "192.0.2.1")
            host.namespace.ip("-6", "route", "add", "default", "via", "2001:db8:0:1::1")
        assert host.run("follow", name).returncode == 0
        assert host.run("status").returncode == 0
    assert sorted(host.dump().splitlines()) == sorted(wanted.splitlines())


def _source_of(name: str, rule: str) -> bool:
    prefixes = {"eth0": ("192.0.2.", "2001:db8:0:1:"), "eth1": ("198.51.100.", "2001:db8:0:2:")}
    return any(f"from {prefix}" in rule for prefix in prefixes[name])


def test_down_asks_the_kernel_and_not_the_event(host: Lab) -> None:
    """A late or repeated event for an interface that has its addresses takes nothing away."""
    assert host.run("start").returncode == 0
    before = host.dump()
    assert host.run("follow", "eth1").returncode == 0
    assert host.dump() == before
    host.namespace.ip("-4", "address", "flush", "dev", "eth1")
    assert host.run("follow", "eth1").returncode == 0
    assert not [rule for rule in host.rules(4) if _source_of("eth1", rule)]
    assert [rule for rule in host.rules(6) if _source_of("eth1", rule)]


def test_no_route_is_taken_for_an_address(host: Lab) -> None:
    """A route of ours is asked for with the addresses, also one that another program put into main by our number."""
    assert host.run("start").returncode == 0
    host.namespace.ip("-4", "address", "flush", "dev", "eth1")
    for route in (("203.0.113.0/24", "dev", "eth1"), ("blackhole", "198.18.0.0/15")):
        host.namespace.ip("route", "add", *route, "protocol", "97")
    assert host.run("follow", "eth1").returncode == 0
    assert not [rule for rule in host.rules(4) if _source_of("eth1", rule)]


def test_leftovers_of_an_earlier_plan_go(host: Lab) -> None:
    """Rules with other priorities (0 too), and routes in tables that only those rules looked up."""
    later = kernel_state(TWO_SUBNETS)
    host.write(later)
    assert host.run("start").returncode == 0
    wanted = host.dump()
    host.write(EXTRAS)
    assert host.run("start").returncode == 0
    for line in (
        "rule add pref 0 from 192.0.2.10 iif lo lookup 77 protocol 97",
        "rule add pref 31000 from 192.0.2.10 fwmark 0x5 lookup 77 protocol 97",
        "rule add pref 31001 not from 192.0.2.10 uidrange 5-9 sport 5-7 prohibit protocol 97",
        "route add 10.9.0.0/16 dev eth0 table 77 proto 97",
        "route add unreachable 10.8.0.0/16 table 2 proto 97",
    ):
        host.namespace.ip(*line.split())
    host.write(later)
    result = host.run("start")
    assert (result.returncode, result.stderr) == (0, "")
    assert host.dump() == wanted


def test_changed_gateway_is_replaced(host: Lab) -> None:
    changed = (*TWO_SUBNETS[:2], Wire("eth1", "198.51.100.10/24", "198.51.100.254"), TWO_SUBNETS[3])
    assert host.run("start").returncode == 0
    host.write(kernel_state(changed))
    assert host.run("start").returncode == 0
    table = host.namespace.ip("-4", "route", "show", "table", "2").splitlines()
    assert sorted(line.split(" proto")[0] for line in table) == [
        "198.51.100.0/24 dev eth1",
        "default via 198.51.100.254 dev eth1",
    ]


def test_what_is_not_ours_stays(host: Lab) -> None:
    """The same rule by another hand, a route of another protocol in our table, somebody's device group."""
    for line in (
        "rule add pref 32011 from 198.51.100.0/24 iif lo lookup 2 suppress_prefixlength 7 protocol static",
        "rule add pref 0 from 198.51.100.9 lookup 2 protocol 98",
        "route add 10.7.0.0/16 via 198.51.100.7 table 2 proto static",
        "link set dev eth1 group 42",
        "link set dev lo group 8",
    ):
        host.namespace.ip(*line.split())
    before = host.dump()
    first = host.run("start")
    assert first.returncode == 1
    assert first.stderr == "asymgen: eth1 is in a device group of somebody else: left there\n"
    assert "group 42" in host.namespace.ip("-o", "link", "show", "dev", "eth1")
    assert host.run("stop").returncode == 0
    assert host.dump() == before


def test_stop_restores_only_what_is_still_ours(host: Lab) -> None:
    """A person's later group and setting are not "restored"."""
    assert host.run("start").returncode == 0
    host.namespace.ip("link", "set", "dev", "eth1", "group", "42")
    host.namespace.sysctl("net/ipv4/conf/eth0/arp_filter", "2")
    host.namespace.sysctl("net/ipv4/conf/eth1/arp_filter", "1")
    assert host.run("stop").returncode == 0
    assert "group 42" in host.namespace.ip("-o", "link", "show", "dev", "eth1")
    assert "group default" in host.namespace.ip("-o", "link", "show", "dev", "eth0")
    settings = [f"/proc/sys/net/ipv4/conf/{name}/arp_filter" for name in ("eth0", "eth1")]
    assert host.namespace.run("cat", *settings).stdout == "2\n0\n"


@pytest.mark.parametrize(
    "damage",
    [
        "ip -4 rule del pref 32012",
        "ip -6 rule del pref 32001",
        "ip -4 rule del pref 0 from 192.0.2.0/24",
        "ip -6 route del default table 2",
        "ip -4 route del throw 10.2.0.0/16 table 1",
        "ip link set dev eth0 group 0",
        "ip link set dev eth0 group 8",
        "echo 0 >/proc/sys/net/ipv4/conf/eth1/arp_filter",
    ],
)
def test_status_tells_the_truth_and_start_mends(host: Lab, damage: str) -> None:
    assert host.run("start").returncode == 0
    whole = host.dump()
    host.namespace.run("sh", "-c", damage)
    status = host.run("status")
    assert status.returncode == 3
    assert status.stdout.count("missing: ") == 1
    assert host.run("start").returncode == 0
    assert host.run("status").returncode == 0
    assert host.dump() == whole


def test_check_names_the_wrong_address(host: Lab) -> None:
    assert host.run("start").returncode == 0
    host.namespace.ip("-4", "route", "del", "default", "table", "2")
    checked = host.run("check")
    assert checked.returncode == 1
    assert checked.stdout.startswith(
        'wrong: from 198.51.100.10: expected "via 198.51.100.1 dev eth1", the kernel says: '
    )
    assert checked.stdout.count("wrong:") == 1


def test_equal_priorities_keep_their_order(host: Lab) -> None:
    """The first of three rules of one priority and source was lost: the others come again behind it."""
    assert host.run("start").returncode == 0
    wanted = host.rules(4)
    host.namespace.ip("rule", "del", "pref", "32000", "from", "192.0.2.0/24", "fwmark", "0x10/0xff")
    assert host.run("start").returncode == 0
    assert host.rules(4) == wanted


def test_without_rule_protocol(host: Lab) -> None:
    """Ours are the rules with exactly our text: no others go, and no flush by protocol is ever tried."""
    host.write(EXTRAS, host=OLD_HOST)
    foreign = "rule add pref 32011 from 198.51.100.0/24 iif lo lookup 3"
    host.namespace.ip(*foreign.split())
    before = host.dump()
    recorder = host.recorder()
    assert host.run("start", ASYMGEN_IP=recorder).returncode == 0
    assert "protocol" not in host.record.read_text()
    assert host.rules(4) == []
    assert "32013:\tfrom 198.51.100.0/24 iif lo lookup 2\n" in host.namespace.ip("-N", "-4", "rule", "show")
    assert host.run("status").returncode == 0
    recorder = host.recorder()
    assert host.run("start", ASYMGEN_IP=recorder).returncode == 0
    assert host.changing_commands() == []
    assert host.run("stop").returncode == 0
    assert host.dump() == before


@pytest.mark.parametrize("arguments", [(), ("reload",), ("flush",)])
def test_usage(host: Lab, arguments: tuple[str, ...]) -> None:
    before = host.dump()
    result = host.run(*arguments)
    assert result.returncode == 2
    assert "start|stop|restart|force-reload|status|check" in result.stderr
    assert host.dump() == before


@pytest.mark.parametrize("action", ["restart", "force-reload"])
def test_restart_brings_everything_back(host: Lab, action: str) -> None:
    assert host.run("start").returncode == 0
    wanted = host.dump()
    host.namespace.ip("rule", "flush", "protocol", "97")
    assert host.run(action).returncode == 0
    assert host.dump() == wanted


def test_scripts_of_unit_and_package_do_the_same(host: Lab) -> None:
    assert host.run("start").returncode == 0
    wanted = host.dump()
    assert host.run("stop").returncode == 0
    assert host.run("start", script="usr/local/lib/asymgen/routing").returncode == 0
    assert host.dump() == wanted
    assert host.run("stop", script="usr/local/lib/asymgen/routing").returncode == 0


def test_packaged_init_script_is_inert_after_removal(host: Lab) -> None:
    """dpkg -r leaves /etc/init.d/asymgen-config behind; its counterpart in /usr/libexec is gone."""
    before = host.dump()
    host.write(EXTRAS, placement=Placement.VENDOR)
    result = host.run("start", script="etc/init.d/asymgen-config")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert host.dump() == before


def test_state_of_nothing(tmp_path: Path) -> None:
    """A plan that became empty: start takes the earlier plan's rules away."""
    with lab(tmp_path, TWO_SUBNETS) as built:
        before = built.dump()
        assert built.run("start").returncode == 0
        built.write(KernelState((), (), ()))
        assert built.run("start").returncode == 0
        assert built.rules(4) == built.rules(6) == []
        built.write(kernel_state(TWO_SUBNETS))
        assert built.run("stop").returncode == 0
        assert built.dump() == before
