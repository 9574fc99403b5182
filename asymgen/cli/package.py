"""``asymgen package``: the plan as a .deb or .rpm of the host."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import click

from asymgen.backends.distributions import is_rpm
from asymgen.cli.inputs import read_host
from asymgen.cli.options import BACKEND, CHOICES, PATH, READER, SNAPSHOTS, add_options
from asymgen.cli.packaging import Built, Order, build_many, failures, refuse_one_name
from asymgen.cli.repositories import lay_out_repositories, refuse_repositories, show_repositories
from asymgen.errors import AsymgenError, CommandFailedError, InputError, UsageError
from asymgen.model import Host
from asymgen.packages import names
from asymgen.report import printable
from asymgen.system.commands import Runner
from asymgen.system.package_builder import NATIVE, NFPM, require_builders
from asymgen.system.repository import REPOSITORIES, require_key, require_repository_tools

FORMATS = ("deb", "rpm")


@click.command("package")
@add_options(SNAPSHOTS, READER, *CHOICES, BACKEND)
@click.option("--format", "formats", type=click.Choice(FORMATS), multiple=True,
              help="Which package to build. Repeatable. [what the host's distribution installs]")  # fmt: skip
@click.option("--name", metavar="NAME", help="The package's name. [asymgen-config-HOST]")
@click.option("--version", metavar="V", help="Its version. [the date and time, or those of SOURCE_DATE_EPOCH]")
@click.option(
    "--maintainer",
    metavar="'NAME <ADDRESS>'",
    help="Who answers for it. [DEBFULLNAME and DEBEMAIL, else root of the host]",
)
@click.option("--previous", metavar="DEB|RPM|DIR", type=PATH,
              help="Its last, lower version: numbers stay as they were there.")  # fmt: skip
@click.option("--any-host", is_flag=True, help="Let it take effect on every host that it is installed on.")
@click.option("--with-check", is_flag=True, help="Add a timer that asks every five minutes whether all is right.")
@click.option("--sign", metavar="KEY", help="Sign it with this key: debsigs, rpmsign.")
@click.option("--builder", type=click.Choice((NATIVE, NFPM)), default=NATIVE, show_default=True,
              help="What packs: dpkg-deb and rpmbuild, or nfpm, where one of the two is not to be had.")  # fmt: skip
@click.option("--repo", "repositories", type=click.Choice(tuple(REPOSITORIES)), multiple=True,
              help="Make the folder a signed repository for apt or yum (dnf). Repeatable. Wants --sign.")  # fmt: skip
@click.option("--keep-tree", is_flag=True, help="Keep the tree that was packed, and the .spec, beside the package.")
@click.option("-o", "--output", metavar="DIR", type=PATH, default=".", show_default=True, help="Where packages go.")
def command(**parameters: Any) -> None:
    """Build a package of one host that brings its routing, checks itself when it is installed, and takes
    every rule out of the kernel when it is removed. Does nothing on any other host.

    \b
    Examples:
      asymgen package
      asymgen package --snapshot web1.json --format deb --format rpm -o packages
      asymgen package --snapshot web1.json --snapshot web2.json -o packages
    """
    sources = parameters["snapshot"]
    _refuse_contradictions(parameters)
    readings = {one: _read(one, parameters["reader"]) for one in dict.fromkeys(sources or (None,))}
    hosts = {"this host" if source is None else source: host for source, host in readings.items()}
    if len(hosts) == 1:
        for one in hosts.values():
            if isinstance(one, AsymgenError):
                raise one
    refuse_one_name(hosts, parameters["name"])
    order = _order(parameters, hosts)
    _require_programs(order)
    results = build_many(hosts, parameters, order, _progress(len(hosts)))
    made = any(built.files for built in results)
    if made:
        lay_out_repositories(order)
    if len(results) == 1:
        _show_one(results[0], Path(parameters["output"]))
    else:
        _show_many(results)
    if made:
        show_repositories(order)
    _raise_failures(results)


def _refuse_contradictions(parameters: dict[str, Any]) -> None:
    if len(parameters["snapshot"]) > 1:
        single = [name for name in ("name", "previous") if parameters[name] is not None]
        if single:
            raise UsageError(f"--{single[0]} is of one host, and there are {len(parameters['snapshot'])} snapshots")
    if parameters["maintainer"] is not None:
        names.check_maintainer(parameters["maintainer"])
    refuse_repositories(parameters)
    if parameters["version"] is not None:
        names.check_version(parameters["version"])


def _read(snapshot: str | None, reader: str | None) -> Host | AsymgenError:
    try:
        return read_host(snapshot, reader)
    except UsageError:
        raise
    except AsymgenError as error:
        return error
    except RecursionError:
        return InputError(f"{snapshot}: nested too deeply to be read")


def _order(parameters: dict[str, Any], hosts: dict[str, Host | AsymgenError]) -> Order:
    output = Path(parameters["output"])
    if not output.is_dir():
        raise InputError(f"-o {output}: there is no such directory", hint="make it first, or name another")
    if not os.access(output, os.W_OK | os.X_OK):
        raise InputError(f"-o {output}: you cannot write to it", hint="name another directory")
    given = os.environ.get("SOURCE_DATE_EPOCH")
    date = int(time.time()) if given is None else names.check_date(given)
    repositories = tuple(dict.fromkeys(parameters["repositories"]))
    wanted = parameters["formats"] or [REPOSITORIES[kind] for kind in repositories]
    return Order(
        formats=tuple(dict.fromkeys(wanted)) or _native_formats(hosts), output=output.resolve(), date=date,
        tree=parameters["keep_tree"], sign=parameters["sign"], builder=parameters["builder"], repositories=repositories,
    )  # fmt: skip


def _native_formats(hosts: dict[str, Host | AsymgenError]) -> tuple[str, ...]:
    """What the hosts' distributions install; where they differ, a person must say."""
    found = {"rpm" if is_rpm(host.os_release) else "deb" for host in hosts.values() if isinstance(host, Host)}
    if len(found) > 1:
        raise UsageError("some of the hosts install .deb and some .rpm", hint="say --format deb --format rpm")
    return tuple(found) or ("deb",)


def _require_programs(order: Order) -> None:
    run = Runner()
    require_builders(run, order.formats, builder=order.builder, signed=order.sign is not None)
    require_repository_tools(run, order.repositories)
    if order.sign is not None:
        require_key(run, order.sign)


class _Progress:
    """A counter on the terminal, and nothing where there is none."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.shown = total > 1 and sys.stderr.isatty()

    def __call__(self, built: Built) -> None:
        self.done += 1
        if self.shown:
            end = "\n" if self.done == self.total else ""
            click.echo(printable(f"\r\033[K{self.done}/{self.total} {built.name}") + end, nl=False, err=True)


def _progress(total: int) -> _Progress:
    return _Progress(total)


def _show_one(built: Built, folder: Path) -> None:
    if built.error is not None:
        raise built.error
    assert built.package is not None  # noqa: S101 - it is either that or an error
    package = built.package
    lines = [f"built {folder / path.name}" for path in built.files]
    lines += ["", *package.description, "", "On the host, as root, safe over SSH:"]
    for path in built.files:
        install = "apt install ./" if path.suffix == ".deb" else "rpm -U "
        lines.append(f"  {install}{shlex.quote(path.name)}")
    lines.append("No network manager is restarted. If an answer left by the wrong interface, it would undo itself.")
    click.echo(printable("\n".join(lines)))


def _show_many(results: list[Built]) -> None:
    for built in results:
        made = ", ".join(path.name for path in built.files) if built.error is None else f"failed: {built.error}"
        click.echo(printable(f"{built.source}  {made}"))


def _raise_failures(results: list[Built]) -> None:
    failed = failures(results)
    if failed:
        named = ", ".join(built.source for built in failed)
        raise CommandFailedError(
            f"{len(failed)} of {len(results)} hosts have no package: {named}", hint="The others are done."
        )
