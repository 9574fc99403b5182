"""asymgen.records: frozen dataclasses that cost little at start; that nobody changes one is mypy's business."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import pytest

from asymgen.model import Choices
from asymgen.records import record


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


def test_mypy_refuses_what_python_lets_pass() -> None:
    """``make lint`` fails where one of these lines is no error to mypy any more: ``warn_unused_ignores``."""
    pair = Pair(1)
    pair.one = 2  # type: ignore[misc]
    assert pair.one == 2
    with pytest.raises(TypeError, match="no_such_field"):
        dataclasses.replace(pair, no_such_field=1)  # type: ignore[call-arg]
