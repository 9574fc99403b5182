"""What goes into the package of one host: the backend's files in their vendor places, and what explains them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from asymgen import __version__, templating
from asymgen.backends import BACKENDS, networkd, networkd_follow, shell
from asymgen.backends.distributions import rpm_init_folder
from asymgen.changes import wanted_content
from asymgen.detection import Detection
from asymgen.errors import UnsupportedError
from asymgen.manifest import fingerprint
from asymgen.model import RenderedFile, Uplink
from asymgen.packages import dependencies
from asymgen.packages.model import (
    INIT_SCRIPT,
    LIBEXEC,
    MANIFEST_PATH,
    PLAN_PATH,
    SHARE,
    UNITS_FOLDER,
    Guard,
    Hidden,
    Identity,
    Package,
    PackageFile,
    Upkeep,
)
from asymgen.packages.names import check_path
from asymgen.packages.previous import Previous
from asymgen.planfile import PLAN_PATH as ADMIN_PLAN_PATH
from asymgen.records import record

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5,19}")
_TIMER = "asymgen-check.timer"
_UNITS = frozenset({
    _TIMER, "asymgen-config.service", "asymgen-config-watch.service", "asymgen-follow.path", "asymgen-follow.service",
})  # fmt: skip
"""Every unit that a version of a package may enable."""
_HIDDEN = ("/usr/lib/systemd/network/", "/usr/lib/systemd/networkd.conf.d/", "/usr/lib/sysctl.d/")
_OF_CONFIG = tuple(
    PurePosixPath(path)
    for path in (
        "/etc/dhcp/dhclient-exit-hooks.d/asymgen-config", "/etc/init.d/asymgen-config",
        "/etc/iproute2/rt_protos.d/asymgen-config.conf", "/etc/iproute2/rt_tables.d/asymgen-config.conf",
        "/etc/network/if-post-down.d/asymgen-config", "/etc/network/if-up.d/asymgen-config",
        "/etc/ppp/ip-down.d/0asymgen-config", "/etc/ppp/ip-up.d/0asymgen-config",
    )
)  # fmt: skip
"""Every file in /etc that any version of a package may have; a test compares it with what the backends render."""


@record
class Wishes:
    """What a person asked of the package beside the plan."""

    any_host: bool = False
    with_check: bool = False


def make_package(
    detection: Detection, identity: Identity, wishes: Wishes, *, previous: Previous | None = None
) -> Package:
    """The package for a detection that was made with ``Placement.VENDOR``. Raises UnsupportedError where there is
    nothing to configure, or a file's name that a package cannot carry."""
    host = detection.host
    if not detection.backends:
        raise UnsupportedError(f"{host.hostname or 'the host'}: nothing to do, so there is nothing to package")
    guard = guard_of(detection, any_host=wishes.any_host)
    rendered = [_placed(file) for file in detection.files]
    rendered += _own_files(detection, guard, with_check=wishes.with_check)
    files = [_package_file(file) for file in rendered]
    upkeep = _upkeep(detection, rendered, previous=previous)
    files.append(_manifest(detection, identity, files))
    present = {file.path for file in files}
    depends = {form: dependencies.depends(detection, form) for form in ("deb", "rpm")}
    return Package(
        identity, _plain(host.hostname), summary="source-based routing of one host, by its own network manager",
        description=_description(detection, guard), changes=_changes(detection), files=tuple(sorted(files, key=_path)),
        depends_deb=depends["deb"], depends_rpm=depends["rpm"], guard=guard, upkeep=upkeep,
        rpm_init_folder=rpm_init_folder(host.os_release),
        obsolete=tuple(path for path in _obsolete(previous) if path not in present),
    )  # fmt: skip


def guard_of(detection: Detection, *, any_host: bool) -> Guard:
    """The uplinks' MAC addresses; their names where none has one. Raises UnsupportedError for a name that is no
    plain ASCII: not every rpm carries others in a script."""
    interfaces = tuple(dict.fromkeys(each.uplink.interface for each in detection.state.uplinks))
    links = [detection.host.link(name) for name in interfaces]
    macs = sorted({link.mac.lower() for link in links if link is not None})
    found = tuple(mac for mac in macs if _MAC.fullmatch(mac) and mac.strip("0:"))
    if not (any_host or found) and not all(name.isascii() for name in interfaces):
        raise UnsupportedError(
            f"no uplink has a MAC address, and {', '.join(map(repr, interfaces))} is no plain ASCII",
            hint="make a package without a guard: --any-host",
        )
    return Guard(found, () if found else interfaces, any_host)


def _path(file: PackageFile) -> PurePosixPath:
    return file.path


def _plain(text: str) -> str:
    return "".join(letter if " " < letter <= "~" else "?" for letter in text) or "(without a name)"


def _placed(file: RenderedFile) -> RenderedFile:
    """The plan lies beside the manifest: in /etc it would seem to be the administrator's."""
    if file.path != ADMIN_PLAN_PATH:
        return file
    return RenderedFile(PLAN_PATH, file.text, file.mode, file.why)


def _package_file(file: RenderedFile) -> PackageFile:
    return PackageFile(check_path(file.path), wanted_content(file), file.mode, file.config)


def _own_files(detection: Detection, guard: Guard, *, with_check: bool) -> list[RenderedFile]:
    """The guard and the check; with ``with_check`` the timer that asks it."""
    host = detection.host
    files = [
        RenderedFile(
            PurePosixPath(LIBEXEC, "is-this-host"),
            templating.render("package/is_this_host.sh.j2", host=host, guard=guard), 0o755, "the guard",
        ),
        RenderedFile(
            PurePosixPath(LIBEXEC, "check"),
            templating.render("package/check.sh.j2", host=host, questions=_questions(detection)), 0o755, "the check",
        ),
    ]  # fmt: skip
    if with_check:
        for name in ("asymgen-check.service", _TIMER):
            text = templating.render(f"package/{name}.j2", host=host, script=f"{LIBEXEC}/check")
            files.append(
                RenderedFile(PurePosixPath(UNITS_FOLDER, name), text, 0o644, "asks the check every five minutes")
            )
    return files


def _questions(detection: Detection) -> tuple[shell.Question, ...]:
    """Not of sources whose answers somebody else's rule decides: those the plan cannot mend."""
    others = {str(problem.source) for problem in detection.remaining}
    asked = (question for each in detection.state.uplinks for question in shell.questions(each.uplink))
    return tuple(question for question in asked if question.source not in others)


def _upkeep(detection: Detection, files: Iterable[RenderedFile], *, previous: Previous | None) -> Upkeep:
    paths = [file.path for file in files]
    names = [use.name for use in detection.backends]
    units = [path.name for path in paths if path.parent == PurePosixPath(UNITS_FOLDER) and path.name in _UNITS]
    groups = tuple((member.interface, member.group) for member in detection.state.groups)
    known = {interface for interface, _ in groups}
    dropped = () if previous is None else previous.groups
    return Upkeep(
        scripts=tuple(filter(None, (BACKENDS[name].PACKAGED for name in names))),
        former=tuple(each.PACKAGED for name, each in BACKENDS.items() if name not in names and each.PACKAGED),
        followers=tuple(path for path in (networkd_follow.PACKAGED,) if PurePosixPath(path) in paths),
        units=tuple(sorted(units)),
        restarted=tuple(sorted(unit for unit in units if unit != "asymgen-config.service")),
        absent=tuple(sorted(_UNITS - set(units))),
        hidden=tuple(
            Hidden(path, PurePosixPath("/etc", path.relative_to("/usr/lib")))
            for path in paths if str(path).startswith(_HIDDEN)
        ),
        groups=groups,
        dropped=tuple(each for each in dropped if each[0] not in known),
        networkd=networkd.NAME in names,
        init_script=INIT_SCRIPT in paths,
        sysctls=any(str(path).startswith("/usr/lib/sysctl.d/") for path in paths),
    )  # fmt: skip


def _obsolete(previous: Previous | None) -> tuple[PurePosixPath, ...]:
    known = set(_OF_CONFIG) | set(() if previous is None else previous.config)
    return tuple(sorted(known))


def _manifest(detection: Detection, identity: Identity, files: Iterable[PackageFile]) -> PackageFile:
    document = {
        "about": f"Made by asymgen {__version__}: what this package holds, and for whom. The next one is told of it "
        "by --previous.",
        "schema": 1,
        "package": identity.name,
        "version": identity.version,
        "host": {"name": detection.host.hostname, "machine_id": detection.host.machine_id},
        "backends": {use.name: list(use.interfaces) for use in detection.backends},
        "groups": {member.interface: member.group for member in detection.state.groups},
        "files": [
            {
                "path": str(file.path),
                "mode": f"{file.mode:04o}",
                "sha256": fingerprint(file.content, file.mode).sha256,
                "config": file.config,
            }
            for file in sorted(files, key=_path)
        ],
    }
    return PackageFile(MANIFEST_PATH, (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode("ascii"))


def _description(detection: Detection, guard: Guard) -> tuple[str, ...]:
    host = _plain(detection.host.hostname)
    uses = "; ".join(f"{use.name} for {', '.join(map(_plain, use.interfaces))}" for use in detection.backends)
    lines = [
        f"Answers of the host {host} leave by the interface that the request came in on, also after a reboot.",
        f"Written for {uses}.",
    ]
    if guard.any_host:
        lines.append("It takes effect on every host that it is installed on.")
    else:
        known = f"the MAC addresses {', '.join(guard.macs)}" if guard.macs else "the names of its interfaces"
        lines.append(f"On any other host it installs and does nothing; it knows its own by {known}.")
    lines.append(f"Everything in it can be read in {SHARE} and in /usr/share/doc.")
    return tuple(_printable(line) for line in lines)


def _printable(line: str) -> str:
    return "".join(letter if " " <= letter <= "~" else "?" for letter in line)


def _changes(detection: Detection) -> tuple[str, ...]:
    return tuple(_printable(_change(each.uplink)) for each in detection.state.uplinks)


def _change(uplink: Uplink) -> str:
    way = f"via {uplink.gateway}" if uplink.gateway is not None else "the interface itself"
    return f"{uplink.interface}, IPv{uplink.family:d}: table {uplink.table}, {way}"
