"""asymgen.records: frozen dataclasses that cost little at start; that nobody changes one is mypy's business."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from functools import cached_property

import pytest

from asymgen.model import Choices
from asymgen.records import record
from tests.command_line import TREE


@record
class Pair:
    """Two fields, the second with a default, and something that is worked out once and is no field."""

    one: int
    two: str = "2"

    @cached_property
    def worked_out(self) -> int:
        return self.one * 2


@record
class Alike:
    """The same fields."""

    one: int
    two: str = "2"


@record
class Partly:
    """One field that tells no two apart and is not printed, another one that does."""

    one: int
    cache: list[int] = dataclasses.field(default_factory=list, compare=False, repr=False)


@record
class Named:
    """One field, and how it prints."""

    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"


def test_compares_hashes_and_prints_as_the_standard_library_has_it() -> None:
    standard = dataclasses.make_dataclass("Pair", [("one", int), ("two", str, "2")], frozen=True)
    assert repr(Pair(1)) == repr(standard(1))
    assert hash(Pair(1)) == hash(standard(1))
    assert Pair(1) == Pair(1, "2")
    assert Pair(1) != Pair(2)
    assert Pair(1) != Pair(1, "3")
    others: tuple[object, ...] = (Alike(1), (1, "2"))
    assert Pair(1) not in others
    assert dataclasses.replace(Pair(1), two="3") == Pair(1, "3")
    assert dataclasses.asdict(Pair(1)) == {"one": 1, "two": "2"}
    assert [field.name for field in dataclasses.fields(Pair)] == ["one", "two"]


def test_what_was_worked_out_tells_no_two_apart() -> None:
    asked, new = Pair(1), Pair(1)
    assert asked.worked_out == 2
    assert asked == new
    assert hash(asked) == hash(new)
    assert repr(asked) == repr(new)


def test_a_field_may_be_left_out() -> None:
    assert Partly(1, [2]) == Partly(1, [3])
    assert hash(Partly(1, [2])) == hash(Partly(1))
    assert repr(Partly(1, [2])) == "Partly(one=1)"


def test_one_field_and_a_method_of_its_own() -> None:
    assert repr(Named("eth0")) == "<eth0>"
    assert {Named("eth0"): 1}[Named("eth0")] == 1
    assert Named("eth0") != Named("eth1")


def test_what_cannot_be_hashed_is_not() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Choices())


def test_arguments_are_checked() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'one'"):
        Pair()  # type: ignore[call-arg]


def test_mypy_refuses_what_nobody_may_do() -> None:
    """``make lint`` fails where one of these lines is no error to mypy any more (``warn_unused_ignores``). That Python
    refuses the first one is the tests' doing."""
    pair = Pair(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        pair.one = 2  # type: ignore[misc]
    with pytest.raises(TypeError, match="no_such_field"):
        dataclasses.replace(pair, no_such_field=1)  # type: ignore[call-arg]


def test_outside_of_the_tests_python_compiles_once_for_each() -> None:
    """What it costs at every start, which is what records are for."""
    compiled = (
        "import sys\n"
        "from asymgen.records import record\n"
        "Pair = type('Pair', (), {'__doc__': '', '__annotations__': {'one': int, 'two': int}})\n"
        "sys.addaudithook(lambda event, _: print(event) if event == 'exec' else None)\n"
        "record(Pair)\n"
    )
    done = subprocess.run([sys.executable, "-c", compiled], cwd=TREE, capture_output=True, text=True, check=True)
    assert done.stdout == "exec\n"
