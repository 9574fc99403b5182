"""One host read twice, one right after the other: from ip(8)'s JSON, and from the plain text of the same objects.

Duplicate address detection ends when it ends, so the JSON is read before and after the text, until both are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from asymgen.model import Host
from asymgen.parse import load_snapshot, parse_host
from asymgen.parse_text import read_texts
from asymgen.system.probe import IP_OBJECTS
from tests.namespaces import Namespace

BUSYBOX = ("busybox", "ip")
SYSFS = """
for path in /sys/class/net/*/ifindex /sys/class/net/*/netdev_group /sys/class/net/*/tun_flags; do
    [ ! -e "$path" ] || printf '%s\\0%s\\0' "$path" "$(cat "$path")"
done
for path in /sys/class/net/*/uevent; do printf '%s\\0%s\\0' "$path" "$(sed -n /DEVTYPE=/p "$path")"; done
"""
"""What the script brings of /sys/class/net."""


def read_both(net: Namespace, ip: Sequence[str] = ()) -> tuple[Host, Host]:
    """The host by JSON, and by the text that ``ip`` prints, BusyBox or (without) the real one with -d."""
    words = net.run("sh", "-c", SYSFS).stdout.split("\0")
    common: dict[str, Any] = {"os_release": {}, "collected": {"files": dict(zip(words[::2], words[1::2]))}}
    whose = {"iproute2": "BusyBox v1" if ip else "ss161212"}
    while True:
        before = _by_json(net, common)
        texts = {
            key: net.run(*ip, *asked).stdout if ip else net.ip(*([] if key == "addrs" else ["-d"]), *asked)
            for key, asked in IP_OBJECTS.items()
        }
        if before == _by_json(net, common):
            return before, parse_host(read_texts({**common, **whose, **texts}, origin="texts"))


def _by_json(net: Namespace, common: dict[str, Any]) -> Host:
    texts = (f'"{key}": {net.ip("-j", "-d", *asked) or "[]"}' for key, asked in IP_OBJECTS.items())
    return parse_host({**common, **load_snapshot(f"{{{', '.join(texts)}}}", "ip -j")})


def assert_text_says_the_same(net: Namespace) -> None:
    """Everything that a Host holds, whatever asymgen makes of it."""
    by_json, by_text = read_both(net)
    assert replace(by_text, notes=(), iproute2="") == by_json
