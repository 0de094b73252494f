"""Configuration as frozen dataclasses: each field says what it is for and which values it takes, once.

The recipes' TOML files, the command's flags and the error messages are all read from these declarations.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from tenfold.errors import RecipeError, nearest

T = TypeVar("T")


def option(
    default: Any,
    help: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declares a field: its default, one line of help, and the values that it takes.

    Bounds hold for a number, and for each item of a tuple.
    """
    limits = {"at_least": at_least, "at_most": at_most, "above": above, "below": below}
    return dataclasses.field(default=default, metadata={"help": help, "limits": limits, "choices": choices})


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Makes a `cls` of `values`, checked field by field.

    Raises `RecipeError` for an unknown key (naming the nearest), a wrong type or a value out of range;
    `where` begins the message, such as `"recipe tutorial, [model]"`.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            raise RecipeError(f"{where}: unknown key {key!r}{nearest(key, fields)}")
    checked = {key: _checked(fields[key], value, where) for key, value in values.items()}
    return cls(**checked)


def _checked(field: dataclasses.Field[Any], value: Any, where: str) -> Any:
    name = f"{where}: {field.name}"
    value = _typed(field.type, value, name)
    if field.metadata["choices"] and value is not None and value not in field.metadata["choices"]:
        raise RecipeError(f"{name} is {value!r}{nearest(str(value), field.metadata['choices'])}")
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, int | float) and not isinstance(item, bool):
            _check_limits(item, field.metadata["limits"], name)
    return value


def _typed(kind: Any, value: Any, name: str) -> Any:
    if isinstance(kind, types.UnionType):
        options = [option for option in kind.__args__ if option is not types.NoneType]
        return None if value is None else _typed(options[0], value, name)
    if typing.get_origin(kind) is tuple:
        item_kind = typing.get_args(kind)[0]
        if not isinstance(value, list | tuple):
            raise RecipeError(f"{name} is {value!r}; it takes a list, such as [128, 64]")
        return tuple(_typed(item_kind, item, name) for item in value)
    # TOML writes 1 where a float is meant; but True is an int to Python and must not pass for one.
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise RecipeError(f"{name} is {value!r}; it takes {_ARTICLES[kind]}")
    return value


_ARTICLES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _check_limits(value: float, limits: Mapping[str, float | None], name: str) -> None:
    at_least, at_most, above, below = (limits[key] for key in ("at_least", "at_most", "above", "below"))
    if (
        not math.isfinite(value)
        or (at_least is not None and value < at_least)
        or (at_most is not None and value > at_most)
        or (above is not None and value <= above)
        or (below is not None and value >= below)
    ):
        raise RecipeError(f"{name} is {_number(value)}; it must be {bounds(limits) or 'finite'}")


def bounds(limits: Mapping[str, float | None]) -> str:
    """The limits of an option in words: `">= 0 and < 1"`; empty if there are none."""
    signs = {"at_least": ">=", "at_most": "<=", "above": ">", "below": "<"}
    return " and ".join(f"{signs[key]} {_number(limit)}" for key, limit in limits.items() if limit is not None)


def _number(value: float) -> str:
    return f"{value}" if isinstance(value, int) else f"{value:g}"
