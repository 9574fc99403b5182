"""``asymgen snapshot --script`` beside the live probe, in one namespace: both see the same host.

The script goes in on standard input, as ``ssh HOST sh`` has it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from asymgen.model import Host
from asymgen.parse import load_snapshot, parse_host
from asymgen.parse_text import read_texts
from asymgen.snapshot_script import snapshot_script
from asymgen.system.replay import finish, tidied
from tests.command_line import asymgen
from tests.laid_out_host import INTERFACES, OVERLAID, lay_out
from tests.namespaces import Namespace
from tests.netns.test_probe import LONELY, NETWORKD, NETWORKD_HOST, PROBE, TREE, build

pytestmark = pytest.mark.netns

SCRIPT = snapshot_script()
SHELLS = {"dash": "dash", "busybox": "busybox sh", "applets": "busybox sh", "bash": "bash --posix"}
APPLETS = ("sed", "od", "tr", "grep", "readlink", "tail", "id", "cat")
"""What else of BusyBox the script runs on; its ip has no JSON, so that one stays the real one."""

BOTH = 'PATH="$1:$PATH"; "$2" -c "$3" "$4" / >"$5/live" && shift 4 && $2 <"$1/script" >"$1/collected"'


def applets(folder: Path, *, names: Sequence[str] = APPLETS) -> Path:
    """A folder for PATH in which ``names`` are BusyBox."""
    busybox = shutil.which("busybox")
    assert busybox is not None
    place = folder / "applets"
    place.mkdir()
    for name in names:
        (place / name).symlink_to(busybox)
    return place


def finished(text: str) -> dict[str, Any]:
    document = read_texts(tidied(load_snapshot(text, "script")), origin="script")
    parse_host(document)
    return finish(document, origin="script")


def collect(net: Namespace, shell: str = "dash", *, prefix: Sequence[str] = ()) -> str:
    done = net.run(*prefix, *shell.split(), input=SCRIPT)
    assert done.stderr == ""
    return done.stdout


def both(net: Namespace, folder: Path, shell: str, *, setup: str = "") -> tuple[dict[str, Any], dict[str, Any], str]:
    """The live snapshot, the script's when it is finished, and its text; taken one right after the other,
    in a mount namespace in which ``setup`` ran."""
    (folder / "script").write_text(SCRIPT)
    first = applets(folder) if shell == "applets" else folder
    net.run("unshare", "-m", "sh", "-euc", f"{setup}\n{BOTH}", "sh", str(first), sys.executable, PROBE, str(TREE),
            str(folder), SHELLS[shell])  # fmt: skip
    text = (folder / "collected").read_text(encoding="utf-8", errors="strict")
    return load_snapshot((folder / "live").read_text(encoding="utf-8"), "live"), finished(text), text


def assert_equal(live: dict[str, Any], collected: dict[str, Any]) -> None:
    """As hosts, and in every key but the lists of ip(8), where lifetimes run."""
    listed = ("links", "addrs", "routes4", "routes6", "rules4", "rules6")
    assert {key: value for key, value in collected.items() if key not in listed} == {
        key: value for key, value in live.items() if key not in listed
    }
    assert parse_host(collected) == parse_host(live)


@pytest.mark.parametrize("shell", SHELLS)
def test_busy_host_is_the_same(net: Namespace, tmp_path: Path, shell: str) -> None:
    """Every kind of route, rule and address; hostile names; nexthop objects without legs in the routes."""
    build(net)
    net.sysctl("net/ipv4/nexthop_compat_mode", 0)
    live, collected, text = both(net, tmp_path, shell)
    assert_equal(live, collected)
    assert collected["nexthops"]
    host = parse_host(collected)
    assert {link.name for link in host.links} >= set(LONELY)
    assert "Grüße" in [link.name for link in host.links]
    assert text.isascii()
    json.loads(text)  # strictly: no control characters inside texts


OVERLAYS = "\n".join(
    f'mkdir -p "$5/work/{place}" && mount -t overlay overlay '
    f'-o "lowerdir=/{place},upperdir=$5/upper/{place},workdir=$5/work/{place}" /{place}'
    for place in OVERLAID
)
DAEMONS = """
for name in systemd-networkd NetworkManager dhcpcd; do
    cp "$(command -v sleep)" "/run/$name"
    "/run/$name" 30 >/dev/null 2>&1 &
    ended="${ended-} $!"
done
trap 'kill $ended' EXIT
cat >/usr/sbin/nmcli <<'END'
#!/bin/sh
case "$*" in
*--version*) echo 'nmcli tool, version 1.42.4' ;;
*device*) printf 'nmgr0:connected:0c5d8d9a\\nredh0:connected (externally):1\\n' ;;
*connection*) printf '0c5d8d9a:/etc/NetworkManager/system-connections/wire less.nmconnection\\n' ;;
esac
END
chmod +x /usr/sbin/nmcli
"""


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("daemons", ["", DAEMONS], ids=["files", "daemons"])
def test_every_manager_is_the_same(net: Namespace, tmp_path: Path, shell: str, daemons: str) -> None:
    """``ifindex`` 5 of the laid out state files is the fifth interface: netd0 below."""
    order = ("netd0", *(name for name in INTERFACES if name != "netd0"))
    net.batch("".join(f"link add {name} index {5 + at} type bridge\n" for at, name in enumerate(order)))
    net.run("nft", "-f", "-", input="table inet t {\nchain c {\niifgroup { 7, 17 } accept\n}\n}\n")
    lay_out(tmp_path / "upper")
    live, collected, text = both(net, tmp_path, shell, setup=f"mount --make-rprivate /\n{OVERLAYS}\n{daemons}")
    assert_equal(live, collected)
    assert "SECRET" not in text
    assert parse_host(collected).managers.rivals == ("cloud-init", "oci-utils"), "nm-cloud-setup is masked"
    managed = parse_host(collected).managers.interfaces
    known = {name: entry.manager for name, entry in managed.items()}
    expected = {
        "ifup0": "ifupdown", "ifup1": "ifupdown", "ifup2": "ifupdown", "ifup3": "ifupdown",
        "nmgr0": "NetworkManager", "netd0": "networkd", "redh0": "network-scripts", "suse0": "wicked",
    }  # fmt: skip
    assert known == expected
    assert [str(gateway) for gateway in managed["ifup3"].gateways] == ["192.0.2.15", "2001:db8::3"]
    assert [str(gateway) for gateway in managed["nmgr0"].gateways] == ["192.0.2.31", "192.0.2.32"]
    assert [str(gateway) for gateway in managed["netd0"].gateways] == ["192.0.2.41", "fe80::41", "192.0.2.42"]
    assert {7, 17} <= set(collected["firewall_groups"])
    assert collected["os_release"]["NAME"] == 'Gr\udcfcße "of" $me'
    leases = {lease["interface"]: lease["routers"] for lease in collected["leases"]}
    assert leases["dhcp0"] == ["192.0.2.81", "10.34.92.13"]
    assert leases["ifup1"] == ["192.0.2.92", "192.0.2.93"]


def test_a_real_networkd_is_the_same(net: Namespace, tmp_path: Path) -> None:
    if not NETWORKD.exists():
        pytest.skip("needs systemd-networkd")
    net.batch("link add left0 type veth peer name peer0\nlink set peer0 up\n")
    (tmp_path / "script").write_text(SCRIPT)
    words = ("sh", "-euc", BOTH, "sh", str(tmp_path), sys.executable, PROBE, str(TREE), str(tmp_path), "dash")
    net.run("unshare", "-m", "sh", "-c", NETWORKD_HOST, "sh", str(NETWORKD), *words)
    collected = finished((tmp_path / "collected").read_text())
    assert_equal(load_snapshot((tmp_path / "live").read_text(), "live"), collected)
    assert parse_host(collected).managers.running == {"networkd"}
    assert set(parse_host(collected).managers.interfaces) == {"left0"}


@pytest.mark.parametrize("shell", ["dash", "busybox sh", "bash --posix"])
def test_who_is_not_root_gets_the_same_notes(net: Namespace, tmp_path: Path, shell: str) -> None:
    """uid 65534, and a netplan file that only root may read. In a process namespace of its own: who is not root
    cannot see in which network a daemon of a test beside this one runs, and counts it in."""
    lay_out(tmp_path)
    tmp_path.chmod(0o755)
    (tmp_path / "etc/netplan/50.yaml").chmod(0o600)
    upper, work = tmp_path / "upper", tmp_path / "work"
    setup = """
        mount --make-rprivate /
        mkdir -p "$2/etc" "$3/etc" "$2/sbin" "$3/sbin"
        mount -t overlay overlay -o "lowerdir=/etc,upperdir=$2/etc,workdir=$3/etc" /etc
        mount -t overlay overlay -o "lowerdir=/usr/sbin,upperdir=$2/sbin,workdir=$3/sbin" /usr/sbin
        cp -a "$1/etc/netplan" /etc/
        cp -a "$1/usr/sbin/netplan" /usr/sbin/
        shift 3
        exec setpriv --reuid=65534 --clear-groups "$@"
    """
    prefix = (
        "unshare", "--mount", "--pid", "--fork", "--mount-proc",
        "sh", "-euc", setup, "sh", str(tmp_path), str(upper), str(work),
    )  # fmt: skip
    live = net.run(*prefix, sys.executable, "-c", PROBE, str(TREE), "/").stdout
    collected = finished(collect(net, shell, prefix=prefix))
    assert_equal(load_snapshot(live, "live"), collected)
    notes = parse_host(collected).notes
    assert any(note.startswith("Not run as root") for note in notes)
    assert "/etc/netplan/50.yaml could not be read (Permission denied): what it says was not considered." in notes


def test_detect_takes_it(net: Namespace) -> None:
    net.batch(
        "link add left0 type veth peer name peer0\nlink set left0 up\nlink set peer0 up\n"
        "addr add 192.0.2.10/24 dev left0\nroute add default via 192.0.2.1\n"
    )
    shown = asymgen("detect", "--snapshot", "-", stdin=collect(net))
    assert shown.returncode == 0, shown.stderr
    assert "left0  uplink, primary  IPv4 via 192.0.2.1" in shown.stdout


@pytest.mark.parametrize("what", ["left out", "of another type", "cut off"])
def test_what_is_broken_is_refused(net: Namespace, what: str) -> None:
    text = collect(net)
    document = json.loads(text)
    if what == "left out":
        del document["links"]
    else:
        document["collected"]["files"] = {"/etc/hostname": 5}
    given = text[: len(text) // 2] if what == "cut off" else json.dumps(document)
    refused = asymgen("detect", "--snapshot", "-", stdin=given)
    assert refused.returncode == 6
    assert "Traceback" not in refused.stderr
    expected = {"left out": "links", "of another type": "collected.files./etc/hostname", "cut off": "no valid JSON"}
    assert expected[what] in refused.stderr


# --- bad days of ip(8) ---------------------------------------------------------------------------------------


def with_ip(net: Namespace, folder: Path, script: str) -> tuple[int, str, str]:
    """What the script does where ip(8) is ``script``; ``$real`` in it is the real one."""
    (folder / "ip").write_text(f'#!/bin/sh\nreal={shutil.which("ip")}\n{script}\nexec "$real" "$@"\n')
    (folder / "ip").chmod(0o755)
    done = net.run("sh", "-c", 'PATH="$1:$PATH" exec dash', "sh", str(folder), input=SCRIPT, check=False)
    return done.returncode, done.stdout, done.stderr


def test_no_ip_at_all_is_said(net: Namespace) -> None:
    places = "/usr/bin/ip /usr/sbin/ip /sbin/ip /bin/ip"
    hide = f'for one in {places}; do [ ! -e "$one" ] || mount --bind /dev/null "$one"; done'
    done = net.run("unshare", "-m", "sh", "-euc", f"{hide}; exec dash", input=SCRIPT, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "There is no ip(8) on this host." in done.stderr


def test_an_ip_that_fails_midway_leaves_nothing(net: Namespace, tmp_path: Path) -> None:
    code, output, error = with_ip(
        net, tmp_path, 'case "$*" in *"-4 route"*) printf "[{"; echo "Dump terminated" >&2; exit 2 ;; esac'
    )
    assert (code, output) == (5, "")
    assert "ip -j -d -4 route show table all: exit code 2: Dump terminated" in error


def test_an_interrupted_dump_is_asked_for_again(net: Namespace, tmp_path: Path) -> None:
    code, output, _ = with_ip(
        net, tmp_path, 'case "$*" in *"link"*) echo "$*" >>"${0%/*}/asked"; echo "Dump was interrupted" >&2 ;; esac'
    )
    assert code == 0
    assert len((tmp_path / "asked").read_text().splitlines()) == 3
    assert any("3 times in a row: ip -j -d link" in note for note in parse_host(finished(output)).notes)


def test_a_host_without_ipv6(net: Namespace, tmp_path: Path) -> None:
    broken = 'case "$*" in *"-6 route"*) echo "RTNETLINK answers: Operation not supported" >&2; exit 2 ;; esac'
    code, output, _ = with_ip(net, tmp_path, broken)
    host: Host = parse_host(finished(output))
    assert code == 0
    assert any("The kernel has no IPv6 here" in note for note in host.notes)
