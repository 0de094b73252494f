"""Flags that commands share, among them one for each field of a recipe."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from cyclopts import Group, Parameter

from tenfold.config import bounds
from tenfold.errors import UsageError
from tenfold.models.model_config import ARCHITECTURES
from tenfold.training.recipe import (
    AugmentConfig,
    DataConfig,
    DeviceConfig,
    Recipe,
    TrainingConfig,
    recipe_fields,
    recipe_names,
)

# A limit that only the width of the integer sets.
_UNLIMITED = 2**62
_SECTIONS: dict[str, tuple[type[Any], ...]] = {
    "data": (DataConfig,),
    "model": tuple(ARCHITECTURES.values()),
    "augmentation": (AugmentConfig,),
    "training": (TrainingConfig,),
    "execution": (DeviceConfig,),
}
_RECIPE_HELP = "Each flag overrides a value of the recipe. The default applies where the recipe sets none."


def _recipe_flags() -> type:
    """A dataclass with an optional field for every field that a recipe can have, so that each is a flag."""
    fields: list[tuple[str, Any, Any]] = []
    groups = {
        name: Group(f"Recipe: {section}", help=_RECIPE_HELP if section == "data" else "", sort_key=50 + position)
        for position, (section, kinds) in enumerate(_SECTIONS.items())
        for kind in kinds
        for name in kind.__dataclass_fields__
    }
    for field in recipe_fields().values():
        # A list is written with commas, as in --hidden 256,128.
        kind: Any = str if get_origin(field.type) is tuple else field.type
        parameter = Parameter(help=_field_help(field), show_default=False, group=groups[field.name])
        fields.append((field.name, Annotated[kind | None, parameter], None))
    cls = dataclasses.make_dataclass(
        "RecipeFlags", fields, frozen=True, kw_only=True, namespace={"__module__": __name__}
    )
    cls.__doc__ = "Fields of the recipe; None keeps the recipe's value."
    return cls


def _field_help(field: "dataclasses.Field[Any]") -> str:
    """Help, architectures, allowed values and default of a recipe's field."""
    owners = {name: config for name, config in ARCHITECTURES.items() if field.name in config.__dataclass_fields__}
    text = field.metadata["help"]
    text = f"{text[0].upper()}{text[1:]}."
    if 0 < len(owners) < len(ARCHITECTURES):
        text += f" For {', '.join(owners)}."
    values = {_written(config.__dataclass_fields__[field.name].default) for config in owners.values()}
    default = "set by the architecture" if len(values) > 1 else _written(field.default)
    allowed = ", ".join(field.metadata["choices"]) or _range(field.metadata["limits"])
    return f"{text} [{'; '.join(filter(None, [allowed, f'default: {default}']))}]"


def _range(limits: dict[str, float | None]) -> str:
    """The allowed range of a number: "0 to 45", ">= 0 and < 1"."""
    low, high = limits["at_least"], limits["at_most"]
    if high is not None and high >= _UNLIMITED:
        return bounds({**limits, "at_most": None})
    return bounds(limits) if low is None or high is None else f"{low:g} to {high:.9g}"


def _written(value: Any) -> str:
    """A value as the command line takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "none"


_RECIPE_FLAGS = _recipe_flags()
if TYPE_CHECKING:
    RecipeFlags = Any
else:
    RecipeFlags = Annotated[_RECIPE_FLAGS, Parameter(name="*")]

_SHIPPED = f"Name of a recipe ({', '.join(recipe_names())}), or path of a .toml file."
RecipeName = Annotated[str, Parameter(help=_SHIPPED)]
RunPath = Annotated[str, Parameter(help="Folder of a run, or latest: the newest in runs/, without folders of seeds.")]
DatasetName = Annotated[str, Parameter(help="Known data set (tenfold data list), or path of your own.")]
NO_RECIPE_FLAGS = _RECIPE_FLAGS()


def given(help: str) -> Parameter:
    """A parameter whose help states its default."""
    return Parameter(show_default=False, help=help)


# Of --class-names, for commands without a recipe.
ClassNames = Annotated[
    str | None, given("Names of the folders of your own data, one per class, if they are not digits: alpha,beta,gamma.")
]


def switch(help: str) -> Parameter:
    """A parameter that is off unless it is given, without a --no- form."""
    return Parameter(negative="", show_default=False, help=help)


def words(text: str | None) -> tuple[str, ...]:
    """The items of a comma-separated list."""
    return tuple(word for part in (text or "").split(",") if (word := part.strip()))


def resolve_recipe(name: str, flags: Any) -> Recipe:
    """The recipe called `name`, changed by `flags`."""
    return Recipe.load(name).replace(**recipe_changes(flags))


def recipe_changes(flags: Any) -> dict[str, Any]:
    """The flags that the user set, as arguments of `Recipe.replace`."""
    changes = {key: value for key, value in vars(flags).items() if value is not None}
    for key, value in changes.items():
        kind = recipe_fields()[key].type
        if get_origin(kind) is tuple:
            changes[key] = _items(key, value, get_args(kind)[0])
    return changes


def _items(key: str, text: str, kind: type[Any]) -> tuple[Any, ...]:
    try:
        return tuple(kind(word) for word in words(text))
    except ValueError:
        raise UsageError(f"--{key} is {text!r}; expected comma-separated integers, such as 128,64") from None
