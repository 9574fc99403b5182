"""Names of tables, protocols, device groups and DS fields, as this host's ip(8) knows them.

A file in /etc replaces that of /usr; ``*.conf`` in the ``.d`` folders adds to it, and one in /etc replaces
the one of the same name in /usr. Later lines win.

Source: iproute2 lib/rt_names.c (rtnl_tab_initialize, rtnl_tabhash_initialize_dir).
"""

from __future__ import annotations

import re

from asymgen.system.host_files import HostFiles

FOLDERS = ("/etc/iproute2", "/usr/lib/iproute2", "/usr/share/iproute2")
"""The administrator's, the vendor's since iproute2 6.5, the vendor's since 6.7: the first that has a file wins."""

_LINE = re.compile(r"\s*(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})\s+([^\s#]+)")


def read_names(files: HostFiles, database: str) -> dict[str, str]:
    """``{"254": "main"}`` for ``database``: rt_tables, rt_protos, group, rt_dsfield."""
    names: dict[str, str] = {}
    for path in (*_main_file(files, database), *_additions(files, database)):
        for line in (files.text(path) or "").splitlines():
            matched = _LINE.match(line)
            if matched:
                digits = matched[1]
                # Not base 0: "010" is ten for iproute2, and an error for Python.
                names[str(int(digits, 16 if digits[:2] in ("0x", "0X") else 10))] = matched[2]
    return names


def _main_file(files: HostFiles, database: str) -> list[str]:
    return [path for path in (f"{folder}/{database}" for folder in FOLDERS) if files.exists(path)][:1]


def _additions(files: HostFiles, database: str) -> list[str]:
    found: dict[str, str] = {}
    for folder in FOLDERS:
        for name in files.names(f"{folder}/{database}.d"):
            if name.endswith(".conf") and not name.startswith("."):
                found.setdefault(name, f"{folder}/{database}.d/{name}")
    # The vendor's first, so that the administrator's lines win.
    return sorted(found.values(), key=lambda path: (path.startswith(FOLDERS[0]), path))
