"""A package as a spec file, and the tree that it copies. Pure. Source: rpm's spec file reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from asymgen import templating
from asymgen.packages import documents
from asymgen.packages.model import INIT_SCRIPT, LIBEXEC, SHARE, Package, PackageFile

SCRIPTS = ("pre", "post", "preun", "postun")
OWN_FOLDERS = (LIBEXEC, SHARE)


def rpm_tree(package: Package) -> tuple[PackageFile, ...]:
    """Every file, as the spec's %install copies it."""
    return (*package.files, *_documents(package))


def spec_text(package: Package) -> str:
    """The spec. Paths are plain already: contents.py refuses others."""
    scripts = {name: script(package, name) for name in SCRIPTS}
    return templating.render(
        "rpm/package.spec.j2", package=package, upkeep=package.upkeep, summary=summary(package),
        wrapped=documents.wrapped_description(package), entries=tuple(_entries(package)),
        date=documents.rpm_date(package.identity.date), **scripts,
    )  # fmt: skip


def file_name(package: Package) -> str:
    """The name that rpmbuild gives it."""
    return f"{package.identity.name}-{package.identity.version}-1.noarch.rpm"


def summary(package: Package) -> str:
    """As rpm writes it: with a capital."""
    return package.summary[:1].upper() + package.summary[1:]


def script(package: Package, name: str) -> str:
    """One of the scriptlets."""
    return templating.render(
        f"rpm/{name}.j2", package=package, upkeep=package.upkeep, guard=package.guard, hostname=package.hostname
    )


def _documents(package: Package) -> tuple[PackageFile, ...]:
    folder = PurePosixPath("/usr/share/doc", package.identity.name)
    return (
        PackageFile(folder / "README", documents.readme(package).encode("utf-8", "surrogateescape")),
        PackageFile(folder / "copyright", documents.copyright_text().encode("ascii")),
    )


def _entries(package: Package) -> Iterator[str]:
    """Lines of %files. Scripts in /etc are no %config: they would stay behind."""
    paths = [file.path for file in rpm_tree(package)]
    for folder in OWN_FOLDERS:
        if any(str(path).startswith(f"{folder}/") for path in paths):
            yield f"%dir {folder}"
    for file in rpm_tree(package):
        place = "%{_initddir}/asymgen-config" if file.path == INIT_SCRIPT else str(file.path)
        words = [f"%attr(0{file.mode:o}, root, root)"]
        words += ["%config(noreplace)"] if file.config and not file.mode & 0o111 else []
        words += ["%doc"] if file.path.is_relative_to("/usr/share/doc") else []
        yield " ".join([*words, place])
