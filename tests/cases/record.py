"""Make ``snapshot.json`` of the cases: ``python tests/cases/record.py [CASE ...]`` as root.

For each case, ``host.sh`` (with the words of ``prelude.sh``) builds the host in a fresh network namespace; the
six lists are recorded there as ``ip -j -d`` prints them, and ``extra.json`` is merged in: what no namespace can hold
(os_release, machine_id, managers, leases, rt_tables, kernel, iproute2, any further key of a snapshot) and
``link_kinds``, which says what a stand-in stands for: ``{"bond0": {"info_kind": "bond"}, "eth0.100": {"info_kind":
"vlan", "info_data": {"id": 100}, "link": "eth0"}, "wg0": "wireguard"}``. Links that are not named there are hardware,
except bridges. The output is the same every time: MACs are fixed by host.sh, indexes are counted anew, what counts
down is fixed. Run it after a change of host.sh or extra.json, never to make a test pass: ``expect.json`` is written
by hand, from the promise in the design, and no program makes it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.namespaces import Namespace, namespace  # noqa: E402 (needs the path above)

HERE = Path(__file__).parent
FOREVER = 4294967295
LISTS = {
    "links": ("link",),
    "addrs": ("addr",),
    "routes4": ("-4", "route", "show", "table", "all"),
    "routes6": ("-6", "route", "show", "table", "all"),
    "rules4": ("-4", "rule", "show"),
    "rules6": ("-6", "rule", "show"),
}
CARD_DETAILS = frozenset(
    """promiscuity allmulti min_mtu max_mtu num_tx_queues num_rx_queues gso_max_size gso_max_segs tso_max_size
    tso_max_segs gro_max_size link_netnsid link_index""".split()
)
"""What the test machine's kernel says about its stand-ins; older kernels print none of it."""

TUNNELS = {"wireguard": "none", "tun": "none", "ppp": "ppp", "sit": "sit"}
"""Kinds without a MAC, with ``link_type``."""

RECORDED_SYSCTLS = """
    cd /proc/sys
    for file in net/ipv4/ip_forward net/ipv6/conf/all/forwarding; do
        echo "$file $(cat $file)"
    done
    for key in rp_filter arp_filter arp_ignore arp_announce promote_secondaries; do
        for file in net/ipv4/conf/*/$key; do
            echo "$file $(cat "$file")"
        done
    done
"""


def main(names: Sequence[str]) -> None:
    for case in sorted(HERE / name for name in names) if names else sorted(HERE.glob("*/")):
        if (case / "host.sh").exists():
            (case / "snapshot.json").write_text(_formatted(_recorded(case)), encoding="utf-8")
            print(case.name)


def _recorded(case: Path) -> dict[str, Any]:
    extra = json.loads((case / "extra.json").read_text(encoding="utf-8"))
    kinds = extra.pop("link_kinds", {})
    with namespace("rec") as host, namespace("recpeer") as peers:
        peers.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
        script = f". {HERE}/prelude.sh\n. {case}/host.sh\n"
        host.run("env", f"PEERS={peers.name}", "sh", "-c", script)
        time.sleep(1.2)  # a loss of carrier reaches the routes up to a second later
        lists = {key: host.json("-d", *words) for key, words in LISTS.items()}
        sysctls = _sysctls(host)
    _describe_links(lists, kinds)
    _name_tables(lists, extra.get("rt_tables", {}))
    _stop_clocks(lists)
    _order_link_local(lists)
    return {**lists, **extra, "sysctls": {**sysctls, **extra.get("sysctls", {})}}


def _sysctls(host: Namespace) -> dict[str, str]:
    lines = host.run("sh", "-ec", RECORDED_SYSCTLS).stdout.splitlines()
    return dict(sorted(line.rsplit(" ", 1) for line in lines))


def _describe_links(lists: dict[str, Any], kinds: dict[str, Any]) -> None:
    indexes = {link["ifindex"]: number for number, link in enumerate(lists["links"], start=1)}
    for link in (*lists["links"], *lists["addrs"]):
        link["ifindex"] = indexes[link["ifindex"]]
        for key in CARD_DETAILS & link.keys():
            del link[key]
        _describe_link(link, kinds)
    for link in (*lists["links"], *lists["addrs"]):
        _describe_port(link, kinds)


def _describe_link(link: dict[str, Any], kinds: dict[str, Any]) -> None:
    stands_for = kinds.get(link["ifname"])
    if isinstance(stands_for, str):
        stands_for = {"info_kind": stands_for}
    elif stands_for is None:
        stands_for = {"info_kind": "bridge"} if link.get("linkinfo", {}).get("info_kind") == "bridge" else {}
    info = {key: value for key, value in stands_for.items() if key.startswith("info_")}
    link.update({key: value for key, value in stands_for.items() if key not in info})
    link.pop("linkinfo", None)
    if info:
        link["linkinfo"] = info
    if info.get("info_kind") in TUNNELS:
        link["link_type"] = TUNNELS[info["info_kind"]]
        link["flags"] = ["POINTOPOINT", "NOARP", *(flag for flag in link["flags"] if flag in ("UP", "LOWER_UP"))]
        link.pop("address", None)
        link.pop("broadcast", None)


def _describe_port(link: dict[str, Any], kinds: dict[str, Any]) -> None:
    if "master" in link:
        master = kinds.get(link["master"], "bridge")
        kind = master if isinstance(master, str) else master["info_kind"]
        link["linkinfo"] = {**link.get("linkinfo", {}), "info_slave_kind": kind}
        link["flags"] += ["SLAVE"] if kind == "bond" else []


def _name_tables(lists: dict[str, Any], names: dict[str, str]) -> None:
    for entry in (*lists["routes4"], *lists["routes6"], *lists["rules4"], *lists["rules6"]):
        if "table" in entry:
            entry["table"] = names.get(entry["table"], entry["table"])


def _stop_clocks(lists: dict[str, Any]) -> None:
    for link in lists["addrs"]:
        for entry in link["addr_info"]:
            for key, fixed in (("valid_life_time", 86400), ("preferred_life_time", 43200)):
                if entry[key] not in (0, FOREVER):
                    entry[key] = fixed
    for route in lists["routes6"]:
        if "expires" in route:
            route["expires"] = 1800


def _order_link_local(lists: dict[str, Any]) -> None:
    """fe80:: and ff00:: come in the order in which links came up, which is chance: by index here."""
    order = [link["ifname"] for link in lists["links"]]
    places: dict[tuple[str, str], list[int]] = {}
    for place, route in enumerate(lists["routes6"]):
        if route["dst"].startswith(("fe80:", "ff00:")) and route["protocol"] == "kernel":
            places.setdefault((route["table"], route["dst"]), []).append(place)
    for group in places.values():
        routes = sorted((lists["routes6"][place] for place in group), key=lambda route: order.index(route["dev"]))
        for place, route in zip(group, routes):
            lists["routes6"][place] = route


def _formatted(snapshot: dict[str, Any]) -> str:
    """One entry of a list per line: a difference between two snapshots shows in git."""
    parts = []
    for key, value in snapshot.items():
        if isinstance(value, list) and value:
            rows = ",\n".join(f"    {json.dumps(entry)}" for entry in value)
            parts.append(f"  {json.dumps(key)}: [\n{rows}\n  ]")
        else:
            parts.append(f"  {json.dumps(key)}: {json.dumps(value, indent=2).replace(chr(10), chr(10) + '  ')}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main(sys.argv[1:])
