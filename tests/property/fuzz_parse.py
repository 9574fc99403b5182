"""Coverage-guided fuzz of everything that reads a snapshot: ``fuzz_parse.py CORPUS… [-max_total_time=600]``, options of
libFuzzer, by a Python that has atheris and what asymgen depends on.

``corpus/covering/`` is the least of what it kept that reaches all that it reached (``-set_cover_merge=1``, which starts
the program by its name: make it executable then). ``test_hostile.py`` reads each again, without atheris.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from asymgen.errors import InputError
from asymgen.model import Host
from asymgen.parse import load_snapshot, parse_host
from asymgen.parse_text import read_texts
from asymgen.system.replay import finish, is_collected, tidied


def read(data: bytes) -> Host | None:
    """As ``--snapshot`` reads a file: a host, or None where it is refused. Anything else that is raised is a find."""
    try:
        found = load_snapshot(data.decode("utf-8", "surrogateescape"), "x.json")
        if is_collected(found):
            found = read_texts(tidied(found), origin="x.json")
            parse_host(found, origin="x.json")
            found = finish(found, origin="x.json")
        return parse_host(found, origin="x.json")
    except (InputError, RecursionError):  # the second is InputError's affair in the command line
        return None


def main() -> None:
    atheris = importlib.import_module("atheris")  # no dependency of the tests
    atheris.instrument_all()
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
