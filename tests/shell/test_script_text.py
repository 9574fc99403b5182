"""Every generated script in every shell that may run it: parsed, linted, and with an ip(8) that only echoes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from asymgen.backends import BACKENDS
from asymgen.commands_text import commands_script
from asymgen.model import Followed, KernelState, ManagedInterface, Managers, Placement, RenderedFile
from tests.shell.lab import OLD_HOST, SHELLS
from tests.states import HOST, ONE_SUBNET, TWO_SUBNETS, kernel_state, moving, renamed, watched, with_extras

SHELL_BACKENDS = ("ifupdown", "networkmanager", "sysv")
HOSTILE = renamed(TWO_SUBNETS, eth0="a;reboot", eth1="x'y\"$(id)`id`")


def _followed(*interfaces: str) -> tuple[Followed, ...]:
    return tuple(Followed(name, "/usr/local/lib/asymgen/routing") for name in interfaces)


STATES = {
    "two-subnets": kernel_state(TWO_SUBNETS, mtu=1400),
    "one-subnet": kernel_state(ONE_SUBNET),
    "extras": with_extras(kernel_state(TWO_SUBNETS)),
    "hostile": kernel_state(HOSTILE),
    "moving": moving(kernel_state(TWO_SUBNETS)),
    "watched": watched(with_extras(kernel_state(TWO_SUBNETS))),
    "watched-hostile": watched(kernel_state(HOSTILE)),
    "followed": replace(moving(kernel_state(TWO_SUBNETS)), followed=_followed("eth0", "eth1")),
    "both": replace(watched(moving(kernel_state(HOSTILE))), followed=_followed("a;reboot", "x'y\"$(id)`id`")),
}


def _rendered() -> Iterator[tuple[str, RenderedFile]]:
    for label, state in STATES.items():
        for name in SHELL_BACKENDS:
            backend = BACKENDS[name]
            for placement in Placement:
                for host in (HOST, OLD_HOST):
                    for file in backend.render(state, host, placement):
                        yield f"{label}-{name}-{placement.value}-{host.kernel.split('.')[0]}", file


def _followers() -> Iterator[tuple[str, RenderedFile]]:
    """What runs beside systemd-networkd's drop-ins."""
    for label, state in (("moving", STATES["moving"]), ("hostile", moving(kernel_state(HOSTILE, sysctls=False)))):
        names = dict.fromkeys(each.uplink.interface for each in state.uplinks)
        files = {name: ManagedInterface("networkd", f"1{place}-x'$(id).network") for place, name in enumerate(names)}
        host = replace(HOST, managers=Managers("systemd", {"networkd": "252"}, frozenset({"networkd"}), files))
        for placement in Placement:
            for file in BACKENDS["systemd-networkd"].render(state, host, placement):
                yield f"{label}-networkd-{placement.value}", file


def _scripts() -> dict[str, str]:
    scripts = {
        f"{label}:{file.path}": file.text for label, file in (*_rendered(), *_followers()) if file.text.startswith("#!")
    }
    for label, state in STATES.items():
        for undo in (False, True):
            for protocol in (False, True):
                scripts[f"{label}-commands-{undo}-{protocol}"] = commands_script(state, undo=undo, protocol=protocol)
    return scripts


SCRIPTS = _scripts()
# The linters take seconds for each: one of each kind, with the plan that has most in it.
LINTED = (
    "extras-sysv-vendor-3:/etc/init.d/asymgen-config", "extras-ifupdown-admin-6:/etc/network/if-up.d/asymgen",
    "extras-ifupdown-vendor-6:/usr/libexec/asymgen/routing-ifupdown",
    "extras-ifupdown-vendor-6:/etc/network/if-up.d/asymgen-config",
    "extras-networkmanager-admin-6:/etc/NetworkManager/dispatcher.d/50-asymgen",
    "moving-sysv-admin-6:/etc/init.d/asymgen",
    "watched-sysv-vendor-3:/etc/init.d/asymgen-config", "watched-sysv-admin-6:/usr/local/lib/asymgen/asymgen-watch",
    "followed-sysv-admin-6:/usr/local/lib/asymgen/asymgen-watch",
    "followed-networkmanager-admin-6:/etc/NetworkManager/dispatcher.d/50-asymgen",
    "both-sysv-admin-6:/usr/local/lib/asymgen/asymgen-watch",
    "hostile-networkd-vendor:/usr/libexec/asymgen/follow-networkd",
    "extras-commands-False-False", "extras-commands-True-True",
)  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """All scripts as files; the numbers in their names are the places in SCRIPTS."""
    folder = tmp_path_factory.mktemp("scripts")
    paths = [folder / f"{number}.sh" for number in range(len(SCRIPTS))]
    for path, text in zip(paths, SCRIPTS.values()):
        path.write_text(text)
    return [str(path) for path in paths]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_shell_parses_each(shell: tuple[str, ...], written: list[str]) -> None:
    for name, path in zip(SCRIPTS, written):
        result = subprocess.run([*shell, "-n", path], capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, ""), name


def _linted(written: list[str]) -> list[str]:
    return [path for name, path in zip(SCRIPTS, written) if name in LINTED]


def test_shellcheck_finds_nothing(written: list[str]) -> None:
    # SC2016, "does not expand in single quotes", is the point of quoting an interface called $(id).
    assert len(_linted(written)) == len(LINTED)
    argv = [
        "shellcheck",
        "--shell=sh",
        "--severity=style",
        "--exclude=SC2016,SC2317",
        "--format=gcc",
        *_linted(written),
    ]
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert result.stdout == ""


def test_checkbashisms_finds_nothing(written: list[str]) -> None:
    result = subprocess.run(
        ["checkbashisms", "--posix", *_linted(written)], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_rendering_is_reproducible() -> None:
    assert _scripts() == SCRIPTS


def test_old_kernels_get_each_rule_once() -> None:
    """Kernels before 4.8 take the same rule twice, so each goes before it comes."""
    lines = commands_script(STATES["extras"], undo=False, protocol=False).splitlines()
    for place, line in enumerate(lines):
        if " rule add " in line:
            assert lines[place - 1] == line.replace("ensure ", "forget ", 1).replace(" rule add ", " rule del ")


def test_no_file_name_of_a_hook_has_a_dot() -> None:
    """run-parts skips names with a dot."""
    hooks = [file.path for _, file in _rendered() if str(file.path).startswith("/etc/network/")]
    assert {path.name for path in hooks} == {"asymgen", "asymgen-config"}


def _echo(folder: Path, state: KernelState, shell: tuple[str, ...]) -> tuple[int, list[str]]:
    """Run ``start`` with an ip(8) that writes down its words and its input, and does nothing."""
    stub, record = folder / "ip", folder / "record"
    stub.write_text(f'#!/bin/sh\nprintf "ip %s\\n" "$*" >>{record}\ncase " $* " in *-batch*) cat >>{record} ;; esac\n')
    stub.chmod(0o755)
    init = next(file for file in BACKENDS["sysv"].render(state, HOST, Placement.ADMIN) if "init.d" in str(file.path))
    script = folder / "script"
    script.write_text(init.text)
    settings = {"ASYMGEN_IP": str(stub), "ASYMGEN_LOCK": str(folder / "lock"), "PATH": "/usr/bin:/bin"}
    result = subprocess.run([*shell, str(script), "start"], env=settings, capture_output=True, check=False)
    return result.returncode, record.read_text().splitlines()


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_every_outward_command_goes_through_one_variable(shell: tuple[str, ...], tmp_path: Path) -> None:
    """With the echoing ip(8) all planned commands are heard, and the failure to take effect is told."""
    state = kernel_state(TWO_SUBNETS, sysctls=False)
    code, heard = _echo(tmp_path, state, shell)
    assert code == 1
    assert "route replace default via 198.51.100.1 dev eth1 table 2 proto 97" in heard
    assert "rule add pref 32013 from 2001:db8:0:2::/64 iif lo lookup 2 protocol 97" in heard
    assert len([line for line in heard if line.startswith("rule add ")]) == len(state.rules)
    assert len([line for line in heard if line.startswith("route replace ")]) == len(state.routes)


def test_hostile_names_stay_words(tmp_path: Path) -> None:
    code, heard = _echo(tmp_path, kernel_state(HOSTILE, sysctls=False), ("dash",))
    assert code == 1
    assert "route replace 198.51.100.0/24 dev x'y\"$(id)`id` table 2 proto 97" in heard
    assert "route replace 192.0.2.0/24 dev a;reboot table 1 proto 97" in heard
