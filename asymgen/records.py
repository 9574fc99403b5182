"""``@record``: a frozen dataclass, of which Python compiles as little as possible when asymgen starts.

The standard library compiles six methods anew for each dataclass at every start (up to Python 3.12), which for 70 of
them was a fifth of the time of ``asymgen detect`` (docs/decisions/0026). Here it compiles ``__init__`` alone. How
records compare, hash and print is written once, below. That nobody assigns to a field is what ``mypy --strict`` sees
to, by ``dataclass_transform``; at run time Python refuses it in the tests alone (conftest.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:  # in typing only since Python 3.11

    def dataclass_transform(**_: object) -> Callable[[Any], Any]:
        """For type checkers."""
        return lambda decorator: decorator


Class = TypeVar("Class")

compile_init = dataclasses.dataclass(eq=False, repr=False)
"""What the standard library does for each record."""


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def record(cls: type[Class]) -> type[Class]:
    """``cls`` as ``dataclass(frozen=True)`` has it: ``replace()``, ``fields()`` and ``asdict()`` take it, what is equal
    is of this very class with equal fields, and its hash is that of its fields. A method that ``cls`` has is kept."""
    made: Any = compile_init(cls)
    values = attrgetter(*(field.name for field in dataclasses.fields(made) if field.compare))
    shown = tuple(field.name for field in dataclasses.fields(made) if field.repr)

    def __eq__(self: object, other: object) -> bool:  # noqa: N807 - they become the methods of these names
        return bool(values(self) == values(other)) if type(other) is type(self) else NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(values(self))

    def __repr__(self: object) -> str:  # noqa: N807
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    for method in (__eq__, __hash__, __repr__):
        if method.__name__ not in vars(cls):
            setattr(cls, method.__name__, method)
    return cls
