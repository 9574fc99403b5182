"""A package, whatever its format: files, dependencies, scripts' facts, description."""

from __future__ import annotations

from pathlib import PurePosixPath

from asymgen.planfile import PACKAGED_PLAN_PATH
from asymgen.records import record

LIBEXEC = "/usr/libexec/asymgen"
SHARE = "/usr/share/asymgen"
PLAN_PATH = PACKAGED_PLAN_PATH
MANIFEST_PATH = PurePosixPath(SHARE, "manifest.json")
ANY_CONFIG = "asymgen-config"
"""What every such package provides and conflicts with: two of them would both configure the host."""
UNITS_FOLDER = "/usr/lib/systemd/system"
INIT_SCRIPT = PurePosixPath("/etc/init.d/asymgen-config")


@record
class PackageFile:
    """``config``: the package manager keeps it where a person changed it."""

    path: PurePosixPath
    content: bytes
    mode: int = 0o644
    config: bool = False


@record
class Guard:
    """Which machine the package is for: one with any of ``macs``; without those, one with all of ``interfaces``."""

    macs: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    any_host: bool = False


@record
class Hidden:
    """A file below /usr/lib that daemons read by themselves, and the place below /etc of one that hides it."""

    path: PurePosixPath
    cover: PurePosixPath


@record
class Upkeep:
    """What the maintainer scripts need to know. ``scripts`` take start and stop, ``former`` are those of other
    backends; ``followers`` take stop; ``units`` are enabled, those in ``restarted`` are also started anew; ``absent``
    are those of other versions; ``groups`` are (interface, device group) that nothing else sets back; ``dropped`` are
    the same of the previous version."""

    scripts: tuple[str, ...]
    former: tuple[str, ...]
    followers: tuple[str, ...]
    units: tuple[str, ...]
    restarted: tuple[str, ...]
    absent: tuple[str, ...]
    hidden: tuple[Hidden, ...]
    groups: tuple[tuple[str, int], ...]
    dropped: tuple[tuple[str, int], ...]
    networkd: bool
    init_script: bool
    sysctls: bool


@record
class Identity:
    """What a person may choose. ``date`` is in seconds since 1970, UTC."""

    name: str
    version: str
    maintainer: str
    date: int


@record
class Package:
    """Everything that is in a package, before a format is chosen. ``depends`` are in the words of each format."""

    identity: Identity
    hostname: str
    summary: str
    description: tuple[str, ...]
    changes: tuple[str, ...]
    files: tuple[PackageFile, ...]
    depends_deb: tuple[str, ...]
    depends_rpm: tuple[str, ...]
    guard: Guard
    upkeep: Upkeep
    rpm_init_folder: str = "/etc/init.d"
    """What %{_initddir} is on the host, which may not be the one that builds."""
    obsolete: tuple[PurePosixPath, ...] = ()
    """Files of other versions in /etc that this one does not have."""

    @property
    def paths(self) -> tuple[PurePosixPath, ...]:
        return tuple(file.path for file in self.files)
