"""Hostile names and words through the whole command line: right or refused, and what is written is inert.

Each name stands for an interface; each word for what a host, a DHCP server or a manager's file may say. The
scripts that were written run with an ip(8) that only prints; the file ``pwned`` must not appear.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asymgen.backends import BACKENDS
from tests.case_files import DIRECTORY
from tests.in_process import is_refused_or_right, names_below, run

NAMES = (
    "a;reboot", "$(id)", "-rf", "%n", "x'y\"z", "ünï", "a\udcffb", "\udc80\udcfe", "$(>pwned)", "`>pwned`", ";>pwned;",
    "&>pwned&", "'$(>pwned)'", '"$(>pwned)"', "\\", "\\n", "%(id)s", "{{7*7}}", "#a", "a#b", "a=b", "a*b",
    "[a]", "*", "~", "COMMANDS", "END", "\x1b[31m", "a\x01", "\x7f", "all", "dev", "4", "eth1.100", "\u2028", "é" * 7,
    "-", "--write", "=", "$IFS", "%%",
)  # fmt: skip
REFUSED_NAMES = ("", ".", "..", "a/b", "a b", "a\nb", "a\tb", "a:1", "sixteen-bytes-ab", "\0", "\ud800", "é" * 8)
BASES = ("two-subnets", "one-subnet", "dual-stack-static")
WORDS = (
    "web1\n$(>pwned)\n", "\n>pwned\n#", "'; >pwned; '", '"; >pwned; "', "`>pwned`", "\r>pwned", "\u2028>pwned",
    "\x1b]0;x\x07", "\udcff", "COMMANDS\n>pwned\n", "../../../pwned", "/pwned", "..", "", "a" * 5000, "%n%s",
    "{{ 7 * 7 }}", "\ud800", "\0",
)  # fmt: skip


def snapshot(case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DIRECTORY / case / "snapshot.json").read_text(encoding="utf-8"))
    return found


def renamed(node: Any, names: dict[str, str]) -> Any:
    """``node`` with interfaces called otherwise, wherever they stand."""
    if isinstance(node, dict):
        return {names.get(key, _in_path(key, names)): renamed(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [renamed(item, names) for item in node]
    return names.get(node, node) if isinstance(node, str) else node


def _in_path(key: str, names: dict[str, str]) -> str:
    """Keys of sysctls hold names as well."""
    return "/".join(names.get(part, part) for part in key.split("/")) if "/" in key else key


def write_and_remove(
    folder: Path, document: dict[str, Any], *options: str, scratch: Path | None = None
) -> dict[str, bytes]:
    """``document`` shown, written, run in ``scratch``, written again, removed. What was written, by path: nothing
    where it was refused."""
    source = folder / "snapshot.json"
    source.write_text(json.dumps(document), encoding="utf-8")
    root = folder / "root"
    root.mkdir()
    words = ("--snapshot", str(source), *options, "--root", str(root))
    done = run("detect", *words, "--write")
    assert is_refused_or_right(done), done
    shown = run("detect", *words, "--format", "json" if done.code else "text")
    assert (shown.code, "\x1b" in shown.stdout) == (done.code, False), shown
    if done.code:
        assert names_below(root) == [], "refused, and yet something was written"
        return {}
    files = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    for path in files:
        if path.stat().st_mode & 0o111:
            check_script(path.read_bytes())
    if scratch is not None:
        check_is_inert(root, scratch)
    again = run("detect", *words, "--write")
    assert again.code == 0, again
    assert {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()} == files
    assert not any(line.startswith(("create ", "update ", "delete ")) for line in again.stdout.splitlines())
    removed = run("remove", "--root", str(root))
    assert (removed.code, names_below(root)) == (0, []), removed
    return {str(path.relative_to(root)): content for path, content in files.items()}


def check_commands(folder: Path, document: dict[str, Any]) -> None:
    """Both scripts of ``asymgen commands`` can be read by sh; notes move no cursor."""
    source = folder / "snapshot.json"
    source.write_text(json.dumps(document), encoding="utf-8")
    for words in (("commands",), ("commands", "--undo")):
        found = run(*words, "--snapshot", str(source))
        assert is_refused_or_right(found), found
        assert "\x1b" not in found.stderr
        if found.code == 0:
            check_script(found.stdout.encode("utf-8", "surrogateescape"))


def check_script(text: bytes) -> None:
    """sh can read it."""
    done = subprocess.run(["sh", "-n"], input=text, capture_output=True, check=False)
    assert done.returncode == 0, (done.stderr, text)


def check_is_inert(root: Path, scratch: Path) -> None:
    """Each executable that was written, run with an ip(8) that prints: nothing but words for ip comes of it."""
    stub = scratch / "ip-stub"
    stub.write_text('#!/bin/sh\ncase "$*" in *-batch*) cat ;; esac\nprintf "%s\\n" "$*"\n', encoding="utf-8")
    stub.chmod(0o755)
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.stat().st_mode & 0o111:
            for word in ("start", "stop"):
                subprocess.run(
                    ["sh", str(path), word], cwd=scratch, capture_output=True, check=False, timeout=60,
                    env={"PATH": os.environ["PATH"], "ASYMGEN_IP": str(stub), "ASYMGEN_LOCK": str(scratch / "lock")},
                )  # fmt: skip
    found = [name for name in names_below(scratch) if Path(name).name not in ("ip-stub", "lock")]
    assert found == [], "a script made a file"


def with_names(case: str, name: str) -> dict[str, Any]:
    """The second interface is hostile, the first has a name that this machine does not have: the
    scripts may set kernel settings of interfaces that are there."""
    changed: dict[str, Any] = renamed(snapshot(case), {"eth1": name, "eth0": "not-here0"})
    return changed


def folders(tmp_path: Path, name: str) -> tuple[Path, Path]:
    """A folder for what is written, and one to run it in."""
    made = tmp_path / name, tmp_path / f"{name}-scratch"
    for folder in made:
        folder.mkdir()
    return made


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_hostile_interface_is_written_inertly_or_refused(name: str, tmp_path: Path) -> None:
    for backend in BACKENDS:
        folder, scratch = folders(tmp_path, backend)
        write_and_remove(folder, with_names("two-subnets", name), "--backend", backend, scratch=scratch)
    folder, _ = folders(tmp_path, "settings")
    write_and_remove(folder, with_names("one-subnet", name), "--backend", "sysv")
    check_commands(folder, with_names("dual-stack-static", name))


@pytest.mark.parametrize("name", ["a;reboot", "$(id)", "-rf", "%n", "ünï", "x'y\"z"])
@pytest.mark.parametrize("backend", ["ifupdown", "sysv", "networkmanager"])
def test_ordinary_hostile_names_are_right_with_the_shell_backends(name: str, backend: str, tmp_path: Path) -> None:
    files = write_and_remove(tmp_path, with_names("two-subnets", name), "--backend", backend)
    quoted = name.replace("'", "'\\''")
    assert any(f"dev {quoted} table".encode() in content for content in files.values())


@pytest.mark.parametrize("name", REFUSED_NAMES, ids=ascii)
def test_what_the_kernel_never_calls_an_interface_is_refused(name: str, tmp_path: Path) -> None:
    assert write_and_remove(tmp_path, with_names("two-subnets", name)) == {}


@pytest.mark.parametrize("name", ["all", "default"])
def test_an_interface_called_all_sets_nothing_for_all_interfaces(name: str, tmp_path: Path) -> None:
    files = write_and_remove(tmp_path, with_names("one-subnet", name), "--backend", "sysv")
    assert files
    assert not any(f"conf/{name}/".encode() in content for content in files.values())


PLACES: dict[str, Callable[[dict[str, Any], str], object]] = {
    "hostname": lambda document, word: document.update(hostname=word),
    "machine_id": lambda document, word: document.update(machine_id=word),
    "kernel": lambda document, word: document.update(kernel=word),
    "iproute2": lambda document, word: document.update(iproute2=word),
    "os_release": lambda document, word: document.update(os_release={"ID": word, "PRETTY_NAME": word, word: word}),
    "notes": lambda document, word: document.update(notes=[word]),
    "reader": lambda document, word: document.update(reader=word),
    "table name": lambda document, word: document.update(rt_tables={"100": word}),
    "kind": lambda document, word: [link.update(linkinfo={"info_kind": word}) for link in document["links"]],
    "mac": lambda document, word: [link.update(address=word) for link in document["links"]],
    "flags": lambda document, word: [link["flags"].append(word) for link in document["links"]],
    "scope": lambda document, word: document["addrs"][-1]["addr_info"][0].update(scope=word),
    "protocol": lambda document, word: [route.update(protocol=word) for route in document["routes4"]],
    "gateway": lambda document, word: document["routes4"][0].update(gateway=word),
    "table": lambda document, word: document["routes4"][0].update(table=word),
    "device": lambda document, word: document["routes4"][0].update(dev=word),
    "lease file": lambda document, word: document.update(leases=[lease(file=word)]),
    "lease router": lambda document, word: document.update(leases=[lease(routers=[word])]),
    "lease interface": lambda document, word: document.update(leases=[lease(interface=word)]),
    "manager": lambda document, word: document.update(managers=managers(manager=word)),
    "manager file": lambda document, word: document.update(managers=managers(file=word)),
    "manager gateway": lambda document, word: document.update(managers=managers(gateways=[word])),
    "manager version": lambda document, word: document.update(managers={"installed": {"networkd": word, word: word}}),
    "init": lambda document, word: document.update(managers={"init": word}),
    "sysctl": lambda document, word: document.update(sysctls={f"net/ipv4/conf/eth1/{word}": word, word: word}),
    "rule device": lambda document, word: document["rules4"].insert(1, rule(priority=9, iif=word)),
    "rule selector": lambda document, word: document["rules4"].insert(1, rule(priority=32009, oif=word)),
}  # fmt: skip


def rule(**fields: Any) -> dict[str, Any]:
    return {"src": "all", "table": "7", **fields}


def lease(**fields: Any) -> dict[str, Any]:
    return {"interface": "eth1", "routers": ["198.51.100.1"], "file": "/run/lease", **fields}


def managers(**fields: Any) -> dict[str, Any]:
    entry = {"manager": "ifupdown", "file": "/etc/network/interfaces", "gateways": ["198.51.100.1"], **fields}
    return {"init": "sysvinit", "interfaces": {"eth0": entry, "eth1": entry}}


@pytest.mark.parametrize("place", PLACES)
def test_hostile_words_from_the_host_are_inert_or_refused(place: str, tmp_path: Path) -> None:
    for number, word in enumerate(WORDS):
        document = copy.deepcopy(snapshot("two-subnets"))
        for route in document["routes4"]:
            if route.get("dev") == "eth1" and route["dst"] == "default" and "lease" in place + "manager":
                document["routes4"].remove(route)  # the gateway then comes from the lease or the manager
                break
        PLACES[place](document, word)
        folder, _ = folders(tmp_path, f"{number}")
        files = write_and_remove(folder, document)
        assert not any(b"\n>pwned" in content for content in files.values())
    check_commands(folder, document)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.binary(min_size=1, max_size=15), backend=st.sampled_from(sorted(BACKENDS)), case=st.sampled_from(BASES))
def test_an_interface_of_any_bytes(name: bytes, backend: str, case: str) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as scratch:
        text = name.decode("utf-8", "surrogateescape")
        write_and_remove(Path(first), with_names(case, text), "--backend", backend, scratch=Path(scratch))


@pytest.mark.parametrize(
    "word", ["", "=", "eth1", "eth1=", "=1.2.3.4", "eth1=x", "$(>pwned)=1.2.3.4", "eth1=1.2.3.4\n", "\udcff=::1"]
)
@pytest.mark.parametrize(
    "option", ["--gateway", "--uplink", "--exclude", "--backend", "--network-file", "--plan", "--root"]
)
def test_hostile_options(option: str, word: str, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    source = str(DIRECTORY / "two-subnets" / "snapshot.json")
    found = run("detect", "--snapshot", source, f"{option}={word}")
    assert found.code in (0, 2, 3, 6), found
    assert "Traceback" not in found.stderr
    assert names_below(tmp_path) == []
