"""A package as nfpm's configuration, which it reads beside the tree. Pure. Source: nfpm's configuration reference.

JSON is YAML, so that no name needs another quoting. nfpm puts environment variables into some fields, and has no way
to write a dollar sign there: it is a variable of ours, ``DOLLAR``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from asymgen.packages import deb, documents, rpm
from asymgen.packages.model import INIT_SCRIPT, Package, PackageFile
from asymgen.templating import deb_line

TREE, OWN = "tree", "nfpm"
"""Folders beside each other: what is packed, and what nfpm reads itself."""
CONFIG = PurePosixPath(OWN, "nfpm.yaml")
ENVIRONMENT = {"ASYMGEN_DOLLAR": "$"}

_SCRIPTS = ("preinstall", "postinstall", "preremove", "postremove")


def nfpm_tree(package: Package, form: str) -> tuple[PackageFile, ...]:
    """What is packed."""
    return deb.deb_payload(package, unlisted=package.obsolete) if form == "deb" else rpm.rpm_tree(package)


def nfpm_files(package: Package, form: str) -> tuple[PackageFile, ...]:
    """What nfpm reads: its configuration, the changelog of a .rpm, and the scripts."""
    document = _configuration(package, form)
    files = [PackageFile(PurePosixPath("/", CONFIG.name), _json(document))]
    if form == "rpm":
        files.append(PackageFile(PurePosixPath("/changelog.yaml"), _json(_changelog(package))))
    return (*files, *_scripts(package, form))


def _configuration(package: Package, form: str) -> dict[str, Any]:
    common = {
        "name": package.identity.name,
        "version": package.identity.version,
        "version_schema": "none",
        "arch": "all",
        "platform": "linux",
        "maintainer": _field(package.identity.maintainer),
        "mtime": documents.rfc3339_date(package.identity.date),
        "disable_globbing": True,
        "provides": ["asymgen-config"],
        "conflicts": ["asymgen-config"],
        "scripts": {key: f"{OWN}/{file.path.name}" for key, file in zip(_SCRIPTS, _scripts(package, form))},
        "contents": list(_contents(package, form)),
    }
    return {**common, **(_of_deb(package) if form == "deb" else _of_rpm(package))}


def _of_deb(package: Package) -> dict[str, Any]:
    uses_helpers = package.upkeep.init_script or package.upkeep.units
    lines = [package.summary, *documents.wrapped_description(package)]
    return {
        "section": "net",
        "priority": "optional",
        "description": _field("\n".join(map(deb_line, lines))),
        "depends": list(package.depends_deb),
        "replaces": ["asymgen-config"],
        "deb": {
            "compression": "xz",
            "predepends": ["init-system-helpers (>= 1.54~)"] if uses_helpers else [],
        },
    }


def _of_rpm(package: Package) -> dict[str, Any]:
    return {
        "release": "1",
        "license": "MIT",
        "description": _field("\n".join(documents.wrapped_description(package))),
        "depends": [*package.depends_rpm, "/bin/sh"],
        "changelog": f"{OWN}/changelog.yaml",
        "rpm": {"summary": rpm.summary(package), "compression": "gzip:6", "buildhost": "localhost"},
    }


def _contents(package: Package, form: str) -> Iterator[dict[str, Any]]:
    paths = [file.path for file in nfpm_tree(package, form)]
    for folder in rpm.OWN_FOLDERS if form == "rpm" else ():
        if any(path.is_relative_to(folder) for path in paths):
            yield {"dst": folder, "type": "dir", "file_info": _info(0o755)}
    for file in nfpm_tree(package, form):
        entry = {
            "src": f"{TREE}{file.path}",
            "dst": _place(package, file.path, form),
            "type": _type(file, form),
            "file_info": _info(file.mode),
        }
        yield {key: value for key, value in entry.items() if value}


def _place(package: Package, path: PurePosixPath, form: str) -> str:
    if form == "rpm" and path == INIT_SCRIPT:
        return f"{package.rpm_init_folder}/{path.name}"
    return str(path)


def _type(file: PackageFile, form: str) -> str:
    if form == "deb":
        return "config" if file.config else ""
    if file.path.is_relative_to("/usr/share/doc"):
        return "doc"
    return "config|noreplace" if file.config and not file.mode & 0o111 else ""


def _info(mode: int) -> Mapping[str, Any]:
    return {"mode": mode, "owner": "root", "group": "root"}


def _scripts(package: Package, form: str) -> tuple[PackageFile, ...]:
    """In the order of ``_SCRIPTS``. A list of conffiles that nfpm writes cannot take files of other versions away."""
    if form == "deb":
        texts = {name: deb.script(package, name, unlisted=package.obsolete) for name in deb.SCRIPTS}
    else:
        texts = {name: rpm.script(package, name).encode("utf-8", "surrogateescape") for name in rpm.SCRIPTS}
    return tuple(PackageFile(PurePosixPath("/", name), text, 0o755) for name, text in texts.items())


def _changelog(package: Package) -> list[dict[str, Any]]:
    return [
        {
            "semver": f"{package.identity.version}-1",
            "date": documents.rfc3339_date(package.identity.date),
            "packager": package.identity.maintainer,
            "changes": [{"note": line} for line in documents.changes(package)],
        }
    ]


def _field(text: str) -> str:
    return text.replace("$", "${ASYMGEN_DOLLAR}")


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode("ascii")
