"""Configuration as frozen dataclasses: each field declares its help, default and allowed values once.

Recipe files, command-line flags and error messages all use these declarations.
"""

import dataclasses
import math
import operator
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
    """Declares a field: its default, one line of help, and the allowed values.

    Limits apply to a number, or to each item of a tuple.
    """
    limits = {"at_least": at_least, "at_most": at_most, "above": above, "below": below}
    return dataclasses.field(default=default, metadata={"help": help, "limits": limits, "choices": choices})


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Returns an instance of the dataclass `cls` with `values`, after checking each.

    where: start of error messages, such as `"recipe tutorial, [model]"`. Raises `RecipeError` for an unknown key
    (naming the nearest), a wrong type or a value out of range.
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
    choices = field.metadata.get("choices", ())
    if choices and value not in choices:
        raise RecipeError(f"{name} is {value!r}{nearest(str(value), choices)}")
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, int | float) and not isinstance(item, bool):
            _check_limits(item, field.metadata.get("limits", {}), name)
    return value


def _typed(kind: Any, value: Any, name: str) -> Any:
    if typing.get_origin(kind) is tuple:
        item_kind = typing.get_args(kind)[0]
        if not isinstance(value, list | tuple):
            raise RecipeError(f"{name} is {value!r}; it takes a list, such as [128, 64]")
        return tuple(_typed(item_kind, item, name) for item in value)
    # TOML files have 1 for 1.0. In Python, bool is a subclass of int.
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise RecipeError(f"{name} is {value!r}; it takes {_ARTICLES[kind]}")
    return value


_LIMITS = {
    "at_least": (">=", operator.ge),
    "at_most": ("<=", operator.le),
    "above": (">", operator.gt),
    "below": ("<", operator.lt),
}
_ARTICLES = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}


def _check_limits(value: float, limits: Mapping[str, float | None], name: str) -> None:
    inside = (_LIMITS[key][1](value, limit) for key, limit in limits.items() if limit is not None)
    if not math.isfinite(value) or not all(inside):
        raise RecipeError(f"{name} is {_number(value)}; it must be {bounds(limits) or 'finite'}")


def bounds(limits: Mapping[str, float | None]) -> str:
    """Returns the limits of an option as text: `">= 0 and < 1"`; empty if there are none."""
    return " and ".join(f"{_LIMITS[key][0]} {_number(limit)}" for key, limit in limits.items() if limit is not None)


def _number(value: float) -> str:
    return f"{value}" if isinstance(value, int) else f"{value:g}"
