"""The netifaces reader against ip(8)'s own JSON, on the same real namespaces: the same plan, and an honest note.

Run by the system's Python, for which Debian has python3-netifaces; asymgen is this tree's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.case_files import CASES, Case
from tests.command_line import TREE
from tests.host_loader import loaded_host
from tests.namespaces import Namespace

pytestmark = pytest.mark.netns

PYTHON = "/usr/bin/python3"
PLANNED = ("interface", "family", "gateway", "addresses", "table", "priority", "sources")
SEEN_WHOLE = [
    "admin-from-rules", "azure-gateway-chosen", "bond-bridge-vlan", "carrier-lost", "docker-host", "dual-stack-static",
    "hetzner-on-link", "keepalived-macvlan", "nested-prefixes", "one-subnet-three", "three-providers",
    "two-gateways-metrics", "two-subnets", "vlan-trunk",
]  # fmt: skip
"""Cases in which interfaces, addresses and default gateways are all that the plan comes from."""

MIXED = """
link add eth0 type veth peer name far0
link add eth1 type veth peer name far1
link set dev far0 up
link set dev far1 up
link set dev eth0 up
link set dev eth1 up
addr add 192.0.2.10/24 dev eth0
addr add 192.0.2.11/24 dev eth0 label eth0:1
addr add 10.9.9.9/32 dev eth0
addr add 10.0.0.1 peer 10.0.0.2/32 dev eth0
addr add 198.51.100.10/24 broadcast + dev eth1
addr add 10.1.0.1 peer 10.2.0.2/24 dev eth1
addr add 2001:db8:1::10/64 dev eth0 nodad
addr add 2001:db8:2::10 peer 2001:db8:2::11/128 dev eth1 nodad
addr add 2001:db8:3::10/64 dev eth1 nodad preferred_lft 0 valid_lft 900
route add default via 192.0.2.1 dev eth0 metric 200
route add default via 198.51.100.1 dev eth1 metric 100
route add default via 198.51.100.1 dev eth1 table 101
"""


def asymgen(
    net: Namespace, *words: str, prefix: tuple[str, ...] = (), check: bool = True, settings: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run asymgen inside; ``settings`` (``PATH=…``) count for it alone, not for what starts it."""
    clean = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"PYTHONPATH={TREE}", *settings)
    return net.run(*prefix, "env", *clean, PYTHON, "-m", "asymgen", *words, check=check, cwd=TREE)


def detected(net: Namespace, *words: str, settings: tuple[str, ...] = ()) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(asymgen(net, "detect", "--format", "json", *words, settings=settings).stdout)
    return document


def planned(document: dict[str, Any]) -> dict[str, Any]:
    """What the plan is, without the words that say where each fact was found."""
    return {
        "uplinks": [{key: uplink[key] for key in PLANNED} for uplink in document["uplinks"]],
        "unresolved": sorted((one["interface"], one["family"]) for one in document["unresolved"]),
        "others": sorted(one["interface"] for one in document["others"]),
        "commands": document["commands"],
    }


def snapshot(net: Namespace, reader: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asymgen(net, "snapshot", "--reader", reader).stdout)
    return found


@pytest.mark.parametrize("case", [case for case in CASES if case.name in SEEN_WHOLE], ids=str)
def test_the_plan_is_that_of_the_json_reader(case: Case) -> None:
    options = [f"--gateway={given}" for given in case.expect["choices"].get("gateway", ())]
    with loaded_host(case.snapshot) as host:
        by_ip, by_netifaces = (detected(host, *options, "--reader", name) for name in ("iproute2", "netifaces"))
    assert planned(by_netifaces) == planned(by_ip)
    assert any(note.startswith("Read with netifaces (as asked by --reader)") for note in by_netifaces["notes"])
    assert not any("netifaces" in note for note in by_ip["notes"])


@pytest.fixture
def mixed(net: Namespace) -> Namespace:
    """Labels, a lone /32, peers, lifetimes, and a second table that makes gateways() lose its default."""
    net.batch(MIXED)
    return net


def test_labels_peers_and_flags_come_out_as_ip_prints_them(mixed: Namespace) -> None:
    def facts(reader: str) -> dict[str, set[tuple[Any, ...]]]:
        keys = ("local", "prefixlen", "address", "scope", "secondary", "dynamic", "deprecated")
        return {
            link["ifname"]: {tuple(entry.get(key) for key in keys) for entry in link["addr_info"]}
            for link in snapshot(mixed, reader)["addrs"] if link["ifname"].startswith("eth")
        }  # fmt: skip

    assert facts("netifaces") == facts("iproute2")


def test_links_come_out_as_ip_prints_them(mixed: Namespace) -> None:
    mixed.batch("link add br0 type bridge\nlink set dev far0 master br0 group 7\nlink add down0 mtu 1280 type veth")
    known = {"UP", "LOWER_UP", "LOOPBACK", "POINTOPOINT", "NOARP", "BROADCAST"}

    def facts(reader: str) -> list[tuple[Any, ...]]:
        links = snapshot(mixed, reader)["links"]
        return [
            (link["ifname"], link["ifindex"], link.get("master"), link["mtu"], set(link["flags"]) & known,
             {"default": "0"}.get(link["group"], link["group"]), link.get("linkinfo", {}).get("info_kind") == "bridge")
            for link in links
        ]  # fmt: skip

    assert facts("netifaces") == facts("iproute2")


def test_mains_default_is_found_although_another_table_has_one(mixed: Namespace) -> None:
    defaults = [route for route in snapshot(mixed, "netifaces")["routes4"] if route["dst"] == "default"]
    assert [(route["gateway"], route["dev"], route.get("table"), route["metric"]) for route in defaults] == [
        ("198.51.100.1", "eth1", None, 100),
        ("192.0.2.1", "eth0", None, 200),
    ]
    assert detected(mixed, "--reader", "netifaces")["uplinks"][0]["interface"] == "eth1"


def test_ip_without_json_is_passed_over_and_said(mixed: Namespace, tmp_path: Path) -> None:
    """iproute2 before 4.14 and BusyBox refuse -j; --reader iproute2 then refuses as well."""
    old = tmp_path / "ip"
    old.write_text('#!/bin/sh\necho \'Option "-j" is unknown, try "ip -help".\' >&2\nexit 255\n', encoding="utf-8")
    old.chmod(0o755)
    path = (f"PATH={tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin",)
    notes = detected(mixed, settings=path)["notes"]
    assert any('Read with netifaces (this ip(8) knows no -j (JSON): Option "-j" is unknown' in note for note in notes)
    refused = asymgen(mixed, "detect", "--reader", "iproute2", check=False, settings=path)
    assert refused.returncode == 3
    assert "knows no -j" in refused.stderr


def without_ip(*words: str) -> tuple[str, ...]:
    """``words`` in a mount namespace in which no ip(8) can be started."""
    program = shutil.which("ip", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert program is not None
    hidden = f'mount --bind /dev/null {os.path.realpath(program)} && exec "$@"'
    return ("unshare", "-m", "sh", "-ec", hidden, "sh", *words)


def test_a_root_without_ip(mixed: Namespace) -> None:
    done = asymgen(mixed, "detect", "--format", "json", prefix=without_ip())
    assert planned(json.loads(done.stdout)) == planned(detected(mixed, "--reader", "netifaces"))
    assert "there is no ip(8) on this host" in done.stdout


def test_without_netifaces_the_message_says_how_to_get_it(mixed: Namespace, tmp_path: Path) -> None:
    (tmp_path / "netifaces.py").write_text("raise ImportError\n", encoding="utf-8")
    absent = (f"PYTHONPATH={tmp_path}:{TREE}",)
    for prefix, words, why in ((without_ip(), (), "there is no ip(8)"), ((), ("--reader", "netifaces"), "--reader")):
        done = asymgen(mixed, "detect", *words, prefix=prefix, check=False, settings=absent)
        assert done.returncode == 3, done.stderr
        assert why in done.stderr
        assert "python3-netifaces" in done.stderr
        assert "pip install 'asymgen[netifaces]'" in done.stderr
    assert detected(mixed, settings=absent)["uplinks"], "with a good ip(8), netifaces is not imported"


def test_a_name_that_would_crash_netifaces_is_refused(mixed: Namespace) -> None:
    mixed.run("sh", "-c", "ip link add \"$(printf 'a\\377b')\" type bridge")
    done = asymgen(mixed, "detect", "--reader", "netifaces", check=False)
    assert done.returncode == 3, done.stderr
    assert "not UTF-8" in done.stderr


COUNTING = """
import sys, netifaces
from pathlib import Path
from asymgen.system.host_files import HostFiles
from asymgen.system.netifaces_reader import read_objects
real, asked = netifaces.ifaddresses, []
netifaces.ifaddresses = lambda name: asked.append(name) or real(name)
found = read_objects(HostFiles(Path("/")), why="")
print(len(found["links"]), *sorted(asked))
"""


def test_only_interfaces_that_can_matter_are_asked(mixed: Namespace) -> None:
    """Each question walks all addresses of the host: 14 s for a thousand container ports, if all were asked."""
    mixed.batch("\n".join(f"link add port{number} up type veth peer name end{number}" for number in range(20)))
    done = mixed.run(PYTHON, "-c", COUNTING, env={**os.environ, "PYTHONPATH": str(TREE)})
    assert done.stdout.split() == ["45", "eth0", "eth0:1", "eth1", "lo"]


def test_without_this_namespaces_sys_the_notes_say_so(mixed: Namespace) -> None:
    """nsenter --net leaves the outer /sys in place: what it shows is of other interfaces."""
    words = ["nsenter", f"--net={mixed.path}", PYTHON, "-m", "asymgen", "detect", "--reader", "netifaces"]
    environment = {**os.environ, "PYTHONPATH": str(TREE)}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert "Flags, kinds, masters and groups of interfaces were not seen" in done.stdout
    assert "uplink, primary  IPv4 via 198.51.100.1" in done.stdout


def test_reader_and_snapshot_contradict_each_other(mixed: Namespace) -> None:
    done = asymgen(mixed, "detect", "--reader", "netifaces", "--snapshot", "x.json", check=False)
    assert done.returncode == 2
