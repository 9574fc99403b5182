"""Whether netplan configures this host, and through which renderer.

Its YAML is not read: what it says is read in the files that netplan generated for the renderer.
Source: netplan(5).
"""

from __future__ import annotations

import re

from asymgen.system.host_files import HostFiles

_FOLDERS = ("/lib/netplan", "/usr/lib/netplan", "/etc/netplan", "/run/netplan")
_RENDERER = re.compile(r"^( *)renderer:\s*[\"']?(networkd|NetworkManager)\b", re.MULTILINE)


def read_renderer(files: HostFiles) -> str:
    """The renderer of the host, "" where netplan has no configuration. One that an interface has for
    itself stands deeper in the text than the host's; files whose names come later win."""
    by_name = {path.rpartition("/")[2]: path for folder in _FOLDERS for path in files.matching(folder, ".yaml")}
    renderer = "networkd" if by_name else ""
    depth = None
    for name in sorted(by_name):
        for indent, named in _RENDERER.findall(files.text(by_name[name]) or ""):
            if depth is None or len(indent) <= depth:
                depth, renderer = len(indent), named
    return renderer
