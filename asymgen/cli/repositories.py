"""``asymgen package --repo``: the folder of the packages as a repository."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from asymgen.cli.packaging import Order
from asymgen.errors import UsageError
from asymgen.report import printable
from asymgen.system.commands import Runner
from asymgen.system.repository import PUBLIC_KEY, REPOSITORIES, lay_out


def refuse_repositories(parameters: dict[str, Any]) -> None:
    """Raises UsageError for one that is not signed, or has no packages."""
    for kind in parameters["repositories"]:
        if parameters["sign"] is None:
            raise UsageError(f"--repo {kind}: {kind} takes no repository without a signature", hint="add --sign KEY")
        if parameters["formats"] and REPOSITORIES[kind] not in parameters["formats"]:
            raise UsageError(f"--repo {kind} holds .{REPOSITORIES[kind]}, and --format does not say so",
                             hint=f"add --format {REPOSITORIES[kind]}, or leave out --format")  # fmt: skip


def lay_out_repositories(order: Order) -> None:
    """Index what lies in the folder now."""
    for kind in order.repositories:
        assert order.sign is not None  # noqa: S101 - refuse_repositories has seen to it
        lay_out(Runner(), kind, order.output, key=order.sign)


def show_repositories(order: Order) -> None:
    """What a host needs to read them."""
    place, key = quote(str(order.output)), f"/etc/apt/keyrings/{PUBLIC_KEY}"
    if "apt" in order.repositories:
        click.echo(printable(f"\nA line for apt's sources, with {PUBLIC_KEY} copied to {key}:"))
        click.echo(printable(f"  deb [signed-by={key}] file:{place} ./"))
    if "yum" in order.repositories:
        click.echo(printable("\nA section for /etc/yum.repos.d/asymgen-config.repo:"))
        click.echo(printable(f"  [asymgen-config]\n  name=asymgen-config\n  baseurl=file://{place}\n  gpgcheck=1"))
        click.echo(printable(f"  repo_gpgcheck=1\n  gpgkey=file://{place}/{PUBLIC_KEY}"))
