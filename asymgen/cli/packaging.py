"""One host's packages, from its snapshot to the files; and many hosts, two or more at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from asymgen.cli.inputs import Input, input_of
from asymgen.detection import Detection, detect
from asymgen.errors import AsymgenError, UsageError
from asymgen.model import Host, Placement
from asymgen.packages import deb, names, nfpm, rpm
from asymgen.packages.contents import Wishes, make_package
from asymgen.packages.model import Identity, Package
from asymgen.packages.previous import Previous, parse_previous
from asymgen.planfile import PLAN_PATH, plan_text, read_kept
from asymgen.records import record
from asymgen.system.commands import Runner
from asymgen.system.package_builder import NFPM, Job, build_by_nfpm, build_deb, build_rpm
from asymgen.system.package_reader import Held, is_newer, read_package
from asymgen.system.texts import write_text


@record
class Order:
    """What to build, of every host. ``date`` is in seconds since 1970; ``tree``: keep what was packed."""

    formats: tuple[str, ...]
    output: Path
    date: int
    tree: bool
    sign: str | None
    builder: str
    repositories: tuple[str, ...] = ()


@record
class Built:
    """Of one host: the files that were made, or what went wrong."""

    source: str
    name: str
    files: tuple[Path, ...] = ()
    package: Package | None = None
    error: AsymgenError | None = None


def build_many(
    hosts: dict[str, Host | AsymgenError], parameters: dict[str, Any], order: Order, progress: Callable[[Built], None]
) -> list[Built]:
    """Build the packages of all hosts, in their order. ``progress`` is told of each one that is done."""
    jobs = [(source, host) for source, host in hosts.items() if isinstance(host, Host)]
    made = {
        source: Built(source, "", error=error) for source, error in hosts.items() if isinstance(error, AsymgenError)
    }
    build = partial(_build, parameters=parameters, order=order)
    for built in _results(build, jobs):
        progress(built)
        made[built.source] = built
    return [made[source] for source in hosts]


def _results(build: Callable[[tuple[str, Host]], Built], jobs: Sequence[tuple[str, Host]]) -> Iterator[Built]:
    if len(jobs) < 2:
        yield from map(build, jobs)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # fork: the modules are loaded already, and nothing here has threads.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(len(jobs), os.cpu_count() or 1), mp_context=context) as pool:
        yield from pool.map(build, jobs, chunksize=1)


def _build(job: tuple[str, Host], *, parameters: dict[str, Any], order: Order) -> Built:
    source, host = job
    try:
        return _built(source, host, parameters, order=order)
    except AsymgenError as error:
        return Built(source, host.hostname, error=error)


def _built(source: str, host: Host, parameters: dict[str, Any], *, order: Order) -> Built:
    run = Runner()
    held = None if parameters["previous"] is None else read_package(run, Path(parameters["previous"]))
    given = input_of(host, parameters, root=None if parameters["snapshot"] else Path("/"))
    given = _with_numbers(given, held, origin=str(parameters["previous"]))
    detection = detect(given.host, given.choices, given.kept, placement=Placement.VENDOR)
    package = _package(run, detection, parameters, order=order, held=held)
    files = tuple(_pack(run, package, form, order=order) for form in order.formats)
    if given.plan_path is not None:
        write_text(given.plan_path, plan_text(detection.plan))
    return Built(source, package.identity.name, files, package)


def _with_numbers(given: Input, held: Held | None, *, origin: str) -> Input:
    """Numbers of the last version stay, unless a plan of the host is at hand."""
    if held is None or not held.plan or given.kept.numbers:
        return given
    kept, note = read_kept(held.plan, given.host, f"{origin}: {PLAN_PATH.name}")
    notes = (*given.host.notes, *([note] if note else []))
    return replace(given, kept=kept, host=replace(given.host, notes=notes))


def _package(
    run: Runner, detection: Detection, parameters: dict[str, Any], *, order: Order, held: Held | None
) -> Package:
    hostname = detection.host.hostname
    identity = Identity(
        name=names.package_name(hostname, parameters["name"]),
        version=names.check_version(parameters["version"] or names.version_of(order.date)),
        maintainer=names.maintainer_of(parameters["maintainer"], os.environ, hostname),
        date=order.date,
    )
    previous = None if held is None else parse_previous(held.manifest, f"--previous {parameters['previous']}")
    if previous is not None:
        _refuse_other(run, identity, previous, order=order)
    wishes = Wishes(any_host=parameters["any_host"], with_check=parameters["with_check"])
    return make_package(detection, identity, wishes, previous=previous)


def _refuse_other(run: Runner, identity: Identity, previous: Previous, *, order: Order) -> None:
    """``previous`` must be of the same package, and this one an upgrade of it."""
    if previous.package != identity.name:
        raise UsageError(f"--previous is of {previous.package}, this package is {identity.name}")
    if previous.version == identity.version:
        raise UsageError(f"--previous has the version {identity.version} as well", hint="give another: --version V")
    for form in order.formats:
        if not is_newer(run, form, identity.version, than=previous.version):
            raise UsageError(
                f"version {identity.version} is not higher than {previous.version}, that of --previous: "
                f"as a .{form} it would be no upgrade",
                hint="give a higher one: --version V",
            )


def _pack(run: Runner, package: Package, form: str, *, order: Order) -> Path:
    name = deb.file_name(package) if form == "deb" else rpm.file_name(package)
    target = order.output / name
    tree = order.output / f"{name}.tree" if order.tree else None
    job = Job(target, order.date, tree, order.sign)
    if order.builder == NFPM:
        build_by_nfpm(run, nfpm.nfpm_tree(package, form), nfpm.nfpm_files(package, form), job=job)
    elif form == "deb":
        build_deb(run, deb.deb_tree(package), job=job)
    else:
        build_rpm(run, rpm.rpm_tree(package), rpm.spec_text(package), job=job, init_folder=package.rpm_init_folder)
    return target


def refuse_one_name(hosts: dict[str, Host | AsymgenError], given: str | None) -> None:
    """Before anything is built: two hosts would overwrite each other's package."""
    owners: dict[str, tuple[str, str]] = {}
    for source, host in hosts.items():
        if not isinstance(host, Host):
            continue
        try:
            name = names.package_name(host.hostname, given)
        except UsageError:
            if len(hosts) == 1:
                raise
            continue  # it fails alone
        other, hostname = owners.setdefault(name, (source, host.hostname))
        if other != source:
            raise UsageError(
                f"{other} (host {hostname!r}) and {source} (host {host.hostname!r}) would both be {name}",
                hint="build one of them in a run of its own, with --name",
            )


def failures(results: Iterable[Built]) -> list[Built]:
    """Those that went wrong."""
    return [built for built in results if built.error is not None]
