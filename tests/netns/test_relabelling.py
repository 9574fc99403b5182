"""SELinux: what is written on a live host gets the label that its policy wants, by the host's own restorecon(8).

No SELinux is here: a restorecon of the test writes down what it was told, and what lay there when it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_root import LiveRoot, live_root
from tests.packet_lab import packet_lab

pytestmark = pytest.mark.netns

OPTIONS = ("--gateway", "eth1=198.51.100.1", "--gateway", "eth1=2001:db8:b::1", "--backend", "networkmanager")
SCRIPT = "/etc/NetworkManager/dispatcher.d/50-asymgen"
LISTING = 'for path; do if [ -d "$path" ]; then echo "$path/"; else echo "$path $(sha256sum <"$path")"; fi; done'
RESTORECON = f"#!/bin/sh\n{{ {LISTING}; }} >>/var/relabelled\n"


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveRoot]:
    with packet_lab() as lab, live_root(lab, tmp_path) as made:
        made.run("sh", "-c", "cat >/usr/local/sbin/restorecon; chmod 755 /usr/local/sbin/restorecon", stdin=RESTORECON)
        yield made


def relabelled(live: LiveRoot) -> set[str]:
    """What restorecon was told since the last question, files with their contents of then."""
    found = live.run("sh", "-c", "cat /var/relabelled 2>/dev/null; rm -f /var/relabelled").stdout
    return set(found.splitlines())


def on_disk(live: LiveRoot) -> set[str]:
    """Each file and folder that the manifest lists, files with their contents of now."""
    listed = live.run("sh", "-c", "grep -o '\"/[^\"]*\"' /var/lib/asymgen/manifest.json | tr -d '\"'").stdout.split()
    return set(live.run("sh", "-c", LISTING, "sh", *listed).stdout.splitlines())


@pytest.mark.parametrize("command", ["detect --write", "apply --yes"])
def test_every_file_is_labelled_when_it_lies_there(live: LiveRoot, command: str) -> None:
    verb, option = command.split()
    live.asymgen(verb, option, *OPTIONS)
    told = relabelled(live)
    assert any(line.startswith(f"{SCRIPT} ") for line in told)
    assert on_disk(live) - {"/var/lib/asymgen/"} <= told  # asymgen's own memory has its parent's label
    live.asymgen("detect", "--write", *OPTIONS)
    assert relabelled(live) == set(), "nothing was written"


def test_not_below_another_root(live: LiveRoot) -> None:
    """This machine's policy says nothing of an image."""
    live.run("mkdir", "/var/image")
    live.asymgen("detect", "--write", "--root", "/var/image", *OPTIONS)
    live.run("test", "-x", f"/var/image{SCRIPT}")
    assert relabelled(live) == set()
