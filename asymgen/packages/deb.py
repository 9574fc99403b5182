"""A package as the tree that ``dpkg-deb --build`` takes. Pure. Sources: deb(5), deb-control(5), deb-conffiles(5)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from asymgen import templating
from asymgen.packages import documents
from asymgen.packages.model import SHARE, Package, PackageFile

SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
_CONTROL = PurePosixPath("/DEBIAN")


def deb_tree(package: Package) -> tuple[PackageFile, ...]:
    """Every file below the tree's root, control files included."""
    payload = deb_payload(package)
    return (*payload, *_control_files(package, payload))


def deb_payload(package: Package, *, unlisted: Sequence[PurePosixPath] = ()) -> tuple[PackageFile, ...]:
    """Every file that is installed; ``unlisted`` as for ``script``."""
    return (*package.files, *_documents(package, unlisted), *_pristine(package))


def file_name(package: Package) -> str:
    """The name that dpkg and apt expect."""
    return f"{package.identity.name}_{package.identity.version}_all.deb"


def _documents(package: Package, unlisted: Sequence[PurePosixPath]) -> tuple[PackageFile, ...]:
    folder = PurePosixPath("/usr/share/doc", package.identity.name)
    changelog = templating.render(
        "deb/changelog.j2", package=package, date=documents.debian_date(package.identity.date)
    )  # fmt: skip
    # A version without a revision is a native one, whose changelog has this name.
    return (
        PackageFile(folder / "README", documents.readme(package).encode("utf-8", "surrogateescape")),
        PackageFile(folder / "changelog.gz", gzipped(changelog.encode("utf-8"))),
        PackageFile(folder / "copyright", documents.copyright_text().encode("ascii")),
        *_overrides(package, unlisted),
    )


def _pristine(package: Package) -> tuple[PackageFile, ...]:
    """Each conffile once more, as this version has it: templates/deb/edits.sh.j2 says what for."""
    return tuple(
        PackageFile(PurePosixPath(SHARE, "pristine", file.path.relative_to("/")), file.content, file.mode)
        for file in package.files
        if file.config
    )


def _overrides(package: Package, unlisted: Sequence[PurePosixPath]) -> tuple[PackageFile, ...]:
    """Only where there is something to say: lintian also names overrides that override nothing."""
    dispatched = any(str(path).startswith("/usr/lib/NetworkManager/") for path in package.paths)
    if not dispatched and not unlisted:
        return ()
    text = templating.render("deb/lintian-overrides.j2", package=package, dispatched=dispatched, unlisted=unlisted)
    return (PackageFile(PurePosixPath("/usr/share/lintian/overrides", package.identity.name), text.encode("ascii")),)


def gzipped(content: bytes) -> bytes:
    """``content`` as ``gzip -9n`` writes it, the same in every version of Python (the header's OS byte is not)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(content) + packer.flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\x03" + body + struct.pack("<II", zlib.crc32(content), len(content))


def _control_files(package: Package, payload: Iterable[PackageFile]) -> tuple[PackageFile, ...]:
    payload = tuple(payload)
    kibibytes = sum(-(-len(file.content) // 1024) for file in payload) + len({file.path.parent for file in payload})
    control = templating.render(
        "deb/control.j2", package=package, upkeep=package.upkeep, installed_size=kibibytes,
        wrapped=documents.wrapped_description(package),
    )  # fmt: skip
    conffiles = [str(file.path) for file in payload if file.config]
    conffiles += [f"remove-on-upgrade {path}" for path in package.obsolete]
    sums = "".join(f"{_md5(file)}  {file.path.relative_to('/')}\n" for file in payload if not file.config)
    texts = {"control": control, "conffiles": "".join(f"{line}\n" for line in conffiles), "md5sums": sums}
    files = [PackageFile(_CONTROL / name, text.encode("utf-8")) for name, text in texts.items()]
    return (*files, *(PackageFile(_CONTROL / name, script(package, name), 0o755) for name in SCRIPTS))


def script(package: Package, name: str, *, unlisted: Sequence[PurePosixPath] = ()) -> bytes:
    """One of the maintainer scripts. ``unlisted`` are files of other versions in /etc that it shall take away, where
    the list of conffiles cannot say so."""
    text = templating.render(
        f"deb/{name}.j2", package=package, upkeep=package.upkeep, guard=package.guard, hostname=package.hostname,
        conffiles=[file.path for file in package.files if file.config], unlisted=unlisted,
    )  # fmt: skip
    return text.encode("utf-8", "surrogateescape")


def _md5(file: PackageFile) -> str:
    return hashlib.md5(file.content, usedforsecurity=False).hexdigest()  # dpkg's own file of sums
