"""What asymgen writes as JSON is what ``json.dumps(indent=…)`` would write, letter by letter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asymgen.json_text import to_json

# Braces, commas and line breaks in texts look like what the writer goes by.
TEXTS = st.text(st.sampled_from('{}[],:" \n\\a\udcff'), max_size=6)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS)
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=20,
)


@given(value=VALUES, indent=st.integers(1, 3), sort_keys=st.booleans())
def test_any_value(value: Any, indent: int, *, sort_keys: bool) -> None:
    assert to_json(value, indent=indent, sort_keys=sort_keys) == json.dumps(value, indent=indent, sort_keys=sort_keys)


@given(value=st.lists(st.dictionaries(TEXTS, PLAIN, min_size=1, max_size=3), max_size=4), repeated=st.integers(1, 800))
def test_a_generator_of_objects_is_their_list(value: list[Any], repeated: int) -> None:
    many = value * repeated
    assert to_json({"objects": (one for one in many), "last": 1}) == json.dumps({"objects": many, "last": 1}, indent=2)


def test_a_generator_of_anything_else_is_refused() -> None:
    with pytest.raises(TypeError, match="nothing that holds something"):
        to_json(one for one in [{"nested": [1]}])


@pytest.mark.parametrize(
    "value",
    [
        [{"what": "},\n      {", "why": []}, {"what": "", "why": {}}],
        [{"one": 0}, {}],
        [{"one": 0}, {"two": [0]}, 0, "0"],
        [{"number": number, "text": "},"} for number in range(2001)],
        {"b": [{"c": 1}, {"c": 2}], "a": ({"d": [1, 2]},), "0": 0},
    ],
)
def test_objects_in_lists(value: Any) -> None:
    assert to_json(value) == json.dumps(value, indent=2)
    assert to_json({"nested": value}) == json.dumps({"nested": value}, indent=2)
