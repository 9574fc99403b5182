"""A package's life on real systems: on the wrong host, on the right one, rebooted, upgraded, removed, purged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from asymgen.backends import BACKENDS
from tests.lab.configured import wires
from tests.lab.life import Life
from tests.lab.machine import Machine, machine, wait_for
from tests.lab.proof import drop_rules, own_rules, prove
from tests.lab.roots import SYSTEMS
from tests.lab.rows import DHCP, THREE, Boot, activate, chosen, configuration, wait_for_addresses, write
from tests.lab.world import world
from tests.packages.lived import NAME, build, dpkg, files_of, install, of_another, snapshot_of

pytestmark = [pytest.mark.netns, pytest.mark.lab]

EVERY_ROW = (
    Boot("bookworm", "ifupdown", "ifupdown"),
    Boot("bookworm", "networkd", "systemd-networkd"),
    Boot("bookworm", "networkd", "systemd-networkd", DHCP, in_ci=False),
    Boot("bookworm", "NetworkManager", "networkmanager", in_ci=False),
    Boot("bookworm", "NetworkManager", "networkmanager", DHCP, in_ci=False),
    Boot("bookworm", "ifupdown", "sysv", in_ci=False),
    Boot("bookworm-sysvinit", "ifupdown", "sysv", in_ci=False),
    Boot("trixie", "ifupdown", "ifupdown", DHCP, in_ci=False),
    Boot("trixie", "networkd", "systemd-networkd", in_ci=False),
    Boot("trixie", "NetworkManager", "networkmanager", in_ci=False),
)
EVERY_ROW_OF_THREE = (
    Boot("bookworm", "ifupdown", "ifupdown", THREE, in_ci=False),
    Boot("bookworm", "networkd", "systemd-networkd", THREE),
    Boot("bookworm", "NetworkManager", "networkmanager", THREE, in_ci=False),
    Boot("bookworm-sysvinit", "ifupdown", "sysv", THREE, in_ci=False),
)
ROWS = chosen(EVERY_ROW)
STATIC = tuple(row for row in ROWS if row.addressing is not DHCP)
FOLLOWERS = {"systemd-networkd": "asymgen-follow.path", "networkmanager": "asymgen-config-watch.service"}
NAMES = "/etc/iproute2/rt_tables.d/asymgen-config.conf"
MANAGERS = "systemd-networkd.service NetworkManager.service networking.service"


@pytest.fixture(params=ROWS, ids=str)
def row(request: pytest.FixtureRequest) -> Boot:
    made: Boot = request.param
    return made


@pytest.fixture
def server(row: Boot, tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        around = stack.enter_context(world(row.addressing, tmp_path))
        made = stack.enter_context(machine(SYSTEMS[row.system], around, tmp_path / "machine"))
        configuration(row).write(made.root, is_systemd=made.system.is_systemd)
        made.boot()
        wait_for_addresses(made, configuration(row).addresses)
        yield made


def started(server: Machine) -> str:
    """When each network manager was started: none may be started anew."""
    if not server.system.is_systemd:
        return ""
    show = ("systemctl", "show", "--property=Id,ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic")
    return server.run(*show, *MANAGERS.split()).stdout


def complaints(server: Machine) -> list[str]:
    """What systemd-networkd says of a file of ours that it cannot read whole."""
    if not server.system.is_systemd:
        return []
    lines = server.run("journalctl", "--no-pager", "--output=cat", "--boot").stdout.splitlines()
    said = ("Reloading", "Reconfiguring with")  # which files it read
    return [line for line in lines if "asymgen.conf" in line and not any(word in line for word in said)]


def is_following(server: Machine, row: Boot) -> bool:
    """Whether leases are followed: by the hooks of the backend, or by a unit that waits."""
    unit = FOLLOWERS.get(row.backend, "")
    return unit == "" or server.run("systemctl", "is-active", unit, check=False).stdout == "active\n"


def test_a_life_of_a_package(server: Machine, row: Boot, tmp_path: Path) -> None:
    life, addresses = Life(server, row), configuration(row).addresses
    snapshot = snapshot_of(server, tmp_path / "machine.json")
    before, managers = files_of(server), started(server)

    said = install(server, build(of_another(snapshot, tmp_path / "other.json"), row, tmp_path / "0", "--version", "0"))
    assert "Installed, and inert" in said
    assert own_rules(server) == []
    assert life.is_dead(), "negative control"
    life.note("of another machine", outcome="inert", part="packages")

    first = build(snapshot, row, tmp_path / "1", "--version", "1", "--with-check")
    said = install(server, first)
    life.prove("installed", part="packages")
    assert started(server) == managers
    assert is_following(server, row) or row.addressing is not DHCP
    assert server.run("/usr/libexec/asymgen/check").stdout == ""
    assert complaints(server) == []
    rules = own_rules(server)

    server.reboot()
    wait_for_addresses(server, addresses)
    life.prove("reboot", part="packages")
    assert own_rules(server) == rules
    assert is_following(server, row) or row.addressing is not DHCP

    names = server.root / NAMES.removeprefix("/")
    names.write_text(names.read_text() + "77 by_hand\n")
    second = build(snapshot, row, tmp_path / "2", "--version", "2", "--table-base", "50", "--previous", str(first.deb))
    said = install(server, second)
    life.prove("upgrade to other tables", part="packages")
    assert len(own_rules(server)) == len(rules)
    assert "77 by_hand" in names.read_text()

    _goes(life)
    assert files_of(server) - before == set()
    life.note("purged", outcome="no file left", part="packages")


def _goes(life: Life) -> None:
    """Removed, rebooted, purged."""
    server = life.server
    dpkg(server, "--remove", NAME)
    assert own_rules(server) == []
    assert server.host.ip("route", "show", "table", "all", "proto", "97") == ""
    assert server.host.ip("-6", "route", "show", "table", "all", "proto", "97") == ""
    assert {link["group"] for link in server.host.json("-d", "link", "show")} == {"default"}
    server.reboot()
    wait_for_addresses(server, configuration(life.row).addresses)
    assert own_rules(server) == []
    wait_for(life.is_dead, "the second uplink still answers")
    life.note("removed", outcome="nothing left", part="packages")
    dpkg(server, "--purge", NAME)


@pytest.mark.parametrize("row", chosen(EVERY_ROW_OF_THREE), ids=str, indirect=True)
def test_an_uplink_comes_and_one_goes(server: Machine, row: Boot, tmp_path: Path) -> None:
    """Two uplinks of three, then all, then without the second."""
    life = Life(server, row)
    first, second, third = (wire.addresses for wire in wires(row.addressing))
    snapshot, before = snapshot_of(server, tmp_path / "machine.json"), files_of(server)
    two = build(snapshot, row, tmp_path / "1", "--version", "1", "--gateway", "eth2=none")
    install(server, two)
    life.addresses = (*first, *second)
    life.prove("installed", part="packages")
    assert not any(server.lab.pings(address) for address in third), "negative control"

    gateways = ("--gateway", "eth2=198.18.1.1", "--gateway", "eth2=2001:db8:d::1")
    three = build(snapshot, row, tmp_path / "2", "--version", "2", *gateways, "--previous", str(two.deb))
    install(server, three)
    life.addresses = (*first, *second, *third)
    life.prove("an uplink more", part="packages")

    less = build(snapshot, row, tmp_path / "3", "--version", "3", *gateways, "--previous", str(three.deb), told=False)
    install(server, less)
    life.addresses = (*first, *third)
    life.prove("one less", part="packages")
    assert life.is_dead()
    assert not [rule for rule in own_rules(server) if second[0].rpartition(".")[0] in rule]
    assert server.host.json("-d", "link", "show", "dev", "eth1")[0]["group"] == "default"
    _goes(life)
    assert files_of(server) - before == set()
    life.note("purged", outcome="no file left", part="packages")


@pytest.mark.parametrize("row", STATIC, ids=str, indirect=True)
def test_a_package_takes_over(server: Machine, row: Boot, tmp_path: Path) -> None:
    """From what ``detect --write`` put there: unchanged files go, a changed one is kept aside; never both."""
    write(server, row, tmp_path)
    activate(server, row, tmp_path)
    prove(server, configuration(row).addresses)
    rules = own_rules(server)
    changed = server.root / "etc/iproute2/rt_protos.d/asymgen.conf"
    changed.write_text("# mine\n")
    said = install(server, build(tmp_path / "machine.json", row, tmp_path / "1"))
    assert "takes over" in said
    assert "rt_protos.d/asymgen.conf was changed by hand" in said
    prove(server, configuration(row).addresses)
    assert own_rules(server) == rules
    left = {path for path in files_of(server) if "asymgen" in path and path.startswith("/etc/")}
    assert {path for path in left if "asymgen-config" not in path and "asymgen-check" not in path} == set()
    assert (
        server.root / "var/lib/asymgen/package/kept/etc/iproute2/rt_protos.d/asymgen.conf"
    ).read_text() == "# mine\n"


@pytest.mark.parametrize("row", STATIC[:1], ids=str, indirect=True)
def test_a_wrong_package_undoes_itself(server: Machine, row: Boot, tmp_path: Path) -> None:
    """A rule of somebody else takes answers since the snapshot: nothing of ours stays, not after a reboot either."""
    addresses = configuration(row).addresses
    snapshot = snapshot_of(server, tmp_path / "machine.json")
    built = build(snapshot, row, tmp_path / "1", "--version", "1")
    server.host.ip("rule", "add", "from", "198.51.100.10", "lookup", "main", "pref", "100")
    said = install(server, built)
    assert "undone at once" in said
    assert 'wrong: from 198.51.100.10: expected "via 198.51.100.1 dev eth1"' in said
    assert [line for line in own_rules(server) if not line.startswith("100:")] == []
    server.reboot()
    wait_for_addresses(server, addresses)
    assert own_rules(server) == [], "it stays off"
    assert "switched off by the package's own check" in server.run("/usr/libexec/asymgen/check").stdout
    dpkg(server, "--purge", NAME)
    install(server, built)
    prove(server, addresses)


WITH_SCRIPTS = tuple(row for row in STATIC if row == STATIC[0] or "sysvinit" in row.system)


@pytest.mark.parametrize("row", WITH_SCRIPTS, ids=str, indirect=True)
def test_a_wrong_version_gives_way_to_the_one_before(server: Machine, row: Boot, tmp_path: Path) -> None:
    """Whose rules are back, until the next boot. On sysvinit /run is mounted noexec."""
    snapshot = snapshot_of(server, tmp_path / "machine.json")
    install(server, build(snapshot, row, tmp_path / "1", "--version", "1"))
    prove(server, configuration(row).addresses)
    rules = own_rules(server)
    server.host.ip("rule", "add", "from", "198.51.100.10", "lookup", "main", "pref", "100")
    said = install(server, build(snapshot, row, tmp_path / "2", "--version", "2", "--table-base", "50"))
    assert "undone at once" in said
    assert "the rules of the version before are back until the next boot" in said
    server.host.ip("rule", "del", "pref", "100")
    assert own_rules(server) == rules
    prove(server, configuration(row).addresses)


CHECK = "asymgen-check.service"
OFTEN = "[Timer]\nOnBootSec=\nOnUnitActiveSec=\nOnBootSec=1s\nOnUnitActiveSec=3s\nAccuracySec=100ms\n"
"""Not more often: systemd starts a unit five times in ten seconds and not again."""


def check_of(server: Machine) -> dict[str, str]:
    """What systemd says of the last run of the check: {} before the first, and while one runs."""
    names = "ExecMainStartTimestampMonotonic,ExecMainStatus,Result,ActiveState"
    lines = server.run("systemctl", "show", f"--property={names}", CHECK).stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    ran = found["ExecMainStartTimestampMonotonic"] not in ("", "0") and found["ActiveState"] in ("inactive", "failed")
    return found if ran else {}


def runs_until(server: Machine, wanted: dict[str, str], *, after: int = 0) -> int:
    """Waits for a run of the check that began after ``after`` and ended as ``wanted``; when it began."""

    def asked() -> int:
        found = check_of(server)
        began = int(found.get("ExecMainStartTimestampMonotonic", 0))
        return began if began > after and wanted.items() <= found.items() else 0

    return wait_for(asked, f"no such run of {CHECK}: {wanted}\n{server.log[-2000:]}", seconds=60)


@pytest.mark.parametrize("row", [row for row in STATIC if SYSTEMS[row.system].is_systemd], ids=str, indirect=True)
def test_the_timer_of_the_check(server: Machine, row: Boot, tmp_path: Path) -> None:
    """Its five minutes are made three seconds; everything else is as shipped: it fires, again and again, also after a
    failure, and what it finds is systemd's to tell."""
    good = {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}
    bad = {"Result": "exit-code", "ExecMainStatus": "1", "ActiveState": "failed"}
    snapshot = snapshot_of(server, tmp_path / "machine.json")
    install(server, build(snapshot, row, tmp_path / "1", "--with-check"))
    prove(server, configuration(row).addresses)
    shown = server.run("systemctl", "show", "--property=TimersMonotonic", "asymgen-check.timer").stdout
    assert "OnUnitActiveUSec=5min" in shown
    assert server.run("systemctl", "is-enabled", "asymgen-check.timer").stdout.strip() == "enabled"

    often = server.root / "etc/systemd/system/asymgen-check.timer.d/often.conf"
    often.parent.mkdir(parents=True)
    often.write_text(OFTEN)
    server.run("systemctl", "daemon-reload")
    server.run("systemctl", "restart", "asymgen-check.timer")
    first = runs_until(server, good)
    second = runs_until(server, good, after=first)
    drop_rules(server)
    broken = runs_until(server, bad, after=second)
    assert "wrong: from 198.51.100.10: expected" in server.run("journalctl", f"--unit={CHECK}", "--output=cat").stdout
    assert CHECK in server.run("systemctl", "list-units", "--failed", "--plain", "--no-legend").stdout
    again = runs_until(server, bad, after=broken)
    script = BACKENDS[row.backend].PACKAGED
    server.run(*([script, "start"] if script else ["networkctl", "reconfigure", "eth0", "eth1"]))
    runs_until(server, good, after=again)

    dpkg(server, "--remove", NAME)
    assert server.run("systemctl", "is-active", "asymgen-check.timer", check=False).stdout.strip() == "inactive"


NETWORKD = tuple(row for row in STATIC if row.backend == "systemd-networkd")


@pytest.mark.parametrize("row", NETWORKD, ids=str, indirect=True)
def test_a_version_for_another_backend(server: Machine, row: Boot, tmp_path: Path) -> None:
    """By the script, by systemd-networkd, by the script again: what the version before put into the kernel goes."""
    addresses = configuration(row).addresses
    snapshot = snapshot_of(server, tmp_path / "machine.json")

    def upgrade(version: str, backend: str) -> list[str]:
        changed = Boot(row.system, row.manager, backend)
        choices = () if backend == row.backend else (f"--table-base={version}0",)
        install(server, build(snapshot, changed, tmp_path / version, "--version", version, *choices))
        prove(server, addresses)
        return own_rules(server)

    by_script = upgrade("1", "sysv")
    assert by_script
    assert all(line.endswith("proto 97") for line in by_script)
    assert not any("proto 97" in line for line in upgrade("2", "systemd-networkd"))
    upgrade("3", "sysv")
    settled(lambda: all(line.endswith("proto 97") for line in own_rules(server)), server)
    assert len(own_rules(server)) == len(by_script)
    server.reboot()
    wait_for_addresses(server, addresses)
    prove(server, addresses)
    assert len(own_rules(server)) == len(by_script)


SLOW = """#!/bin/sh
[ "$1" = reload ] || exec /usr/bin/networkctl.real "$@"
(sleep 1; /usr/bin/networkctl.real reload) >/dev/null 2>&1 &
"""


@pytest.mark.parametrize("row", NETWORKD, ids=str, indirect=True)
def test_a_daemon_that_is_slow(server: Machine, row: Boot, tmp_path: Path) -> None:
    """systemd-networkd reloads when the script is done, and takes routes of ours away with its own."""
    snapshot = snapshot_of(server, tmp_path / "machine.json")
    install(server, build(snapshot, row, tmp_path / "1", "--version", "1", "--table-base=10"))
    server.run("mv", "/usr/bin/networkctl", "/usr/bin/networkctl.real")
    (server.root / "usr/bin/networkctl").write_text(SLOW)
    (server.root / "usr/bin/networkctl").chmod(0o755)
    by_script = Boot(row.system, row.manager, "sysv")
    assert "undone" not in install(server, build(snapshot, by_script, tmp_path / "2", "--version", "2"))
    prove(server, configuration(row).addresses)
    assert all(line.endswith("proto 97") for line in own_rules(server))


FOLLOWING = Boot("bookworm", "networkd", "systemd-networkd", DHCP)


@pytest.mark.parametrize("row", [FOLLOWING], ids=str, indirect=True)
def test_leases_are_followed_at_once(server: Machine, row: Boot, tmp_path: Path) -> None:
    """Without a reboot or a restart of systemd-networkd; what was followed of a version before is forgotten."""
    snapshot = snapshot_of(server, tmp_path / "machine.json")
    stale = server.root / "run/systemd/network/10-eth1.network.d/51-asymgen-ipv4.conf"

    def began() -> int:
        show = ("systemctl", "show", "--property=ExecMainStartTimestampMonotonic", "--value", "asymgen-follow.service")
        return int(server.run(*show).stdout.strip() or 0)

    def ran_after(moment: int) -> bool:
        return began() > moment

    for version in ("1", "2"):
        server.run("mkdir", "-p", f"/{stale.parent.relative_to(server.root)}")
        server.run("sh", "-c", f"echo '[Network]' >/{stale.relative_to(server.root)}")
        before = began()
        install(server, build(snapshot, row, tmp_path / version, "--version", version))
        prove(server, configuration(row).addresses)
        assert server.run("systemctl", "is-active", "asymgen-follow.path").stdout.strip() == "active"
        assert server.run("test", "-e", f"/{stale.relative_to(server.root)}", check=False).returncode == 1
        wait_for(partial(ran_after, before), "the service has not run")
    before = began()
    server.run("networkctl", "renew", "eth1")
    wait_for(partial(ran_after, before), "a new lease was not followed")
    dpkg(server, "--remove", NAME)
    assert server.run("systemctl", "is-active", "asymgen-follow.path", check=False).stdout.strip() == "inactive"


@pytest.mark.parametrize("row", STATIC, ids=str, indirect=True)
def test_a_version_for_another_host(server: Machine, row: Boot, tmp_path: Path) -> None:
    """Put over the right one by mistake: what the version before had in the kernel does not stay behind."""
    snapshot = snapshot_of(server, tmp_path / "machine.json")
    first = build(snapshot, row, tmp_path / "1", "--version", "1")
    install(server, first)
    prove(server, configuration(row).addresses)
    said = install(server, build(of_another(snapshot, tmp_path / "other.json"), row, tmp_path / "2", "--version", "2"))
    assert "Installed, and inert" in said
    settled(lambda: own_rules(server) == [], server)
    assert {link["group"] for link in server.host.json("-d", "link", "show")} == {"default"}
    install(server, first)
    prove(server, configuration(row).addresses)


@pytest.mark.parametrize("row", NETWORKD[:1], ids=str, indirect=True)
def test_an_installation_that_is_given_up(server: Machine, row: Boot, tmp_path: Path) -> None:
    """On another host, with a file that some other package owns: dpkg unpacks nothing, and what was to hide it goes."""
    snapshot = snapshot_of(server, tmp_path / "machine.json")
    tree = server.root / "root/owner"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/libexec/asymgen").mkdir(parents=True)
    (tree / "usr/libexec/asymgen/check").write_text("")
    (tree / "DEBIAN/control").write_text(
        "Package: owner\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b.example>\nDescription: x\n"
    )
    server.run("dpkg-deb", "--build", "/root/owner", "/root/owner.deb")
    dpkg(server, "--install", "/root/owner.deb")
    before = files_of(server)
    built = build(of_another(snapshot, tmp_path / "other.json"), row, tmp_path / "1", "--version", "1")
    (server.root / "root" / built.deb.name).write_bytes(built.deb.read_bytes())
    done = server.run("dpkg", "--install", f"/root/{built.deb.name}", check=False)
    assert done.returncode != 0
    assert "trying to overwrite" in done.stderr
    assert server.run("dpkg", "--audit").stdout == ""
    assert files_of(server) == before


def settled(asked: Callable[[], bool], server: Machine) -> None:
    wait_for(asked, "\n".join(own_rules(server)))
