"""What the commands of `tenfold` have in common: the flags of every command, and a flag for each field of a recipe."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from cyclopts import Group, Parameter

from tenfold.errors import UsageError
from tenfold.models.config import ARCHITECTURES
from tenfold.training.recipe import Recipe, recipe_fields, recipe_names

if TYPE_CHECKING:
    from tenfold.cli.console import Screen

_EVERYWHERE = Group("Everywhere", sort_key=99)


@Parameter(name="*", group=_EVERYWHERE)
@dataclass(frozen=True, kw_only=True)
class Everywhere:
    """Flags that every command takes."""

    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="One JSON document on stdout; progress goes to stderr.")
    ] = False
    debug: Annotated[bool, Parameter(negative="", show_default=False, help="Show the traceback of an error.")] = False

    def screen(self) -> "Screen":
        from tenfold.cli.console import Screen

        return Screen(self.json)


def _recipe_flags() -> type:
    """A dataclass with an optional field for every field that a recipe can have, so that each is a flag."""
    fields: list[tuple[str, Any, Any]] = []
    for field in recipe_fields().values():
        text = ": ".join(filter(None, [field.metadata["help"], ", ".join(field.metadata["choices"])]))
        owners = [name for name, config in ARCHITECTURES.items() if field.name in config.__dataclass_fields__]
        if 0 < len(owners) < len(ARCHITECTURES):
            text += f" ({', '.join(owners)})"
        # A list is written with commas, as in --hidden 256,128.
        kind: Any = str if get_origin(field.type) is tuple else field.type
        fields.append((field.name, Annotated[kind | None, Parameter(help=text, show_default=False)], None))
    cls = dataclasses.make_dataclass(
        "RecipeFlags", fields, frozen=True, kw_only=True, namespace={"__module__": __name__}
    )
    cls.__doc__ = "The recipe's fields; what is not given stays as the recipe has it."
    return cls


_RECIPE_FLAGS = _recipe_flags()
if TYPE_CHECKING:
    RecipeFlags = Any
else:
    RecipeFlags = Annotated[_RECIPE_FLAGS, Parameter(name="*", group=Group("Recipe", sort_key=50))]

_SHIPPED = f"A shipped recipe ({', '.join(recipe_names())}), or the path of a .toml file."
RecipeName = Annotated[str, Parameter(help=_SHIPPED)]
RunPath = Annotated[str, Parameter(help="The folder of a run, or latest.")]
DatasetName = Annotated[str, Parameter(help="A known data set, or the path of your own.")]
EverywhereFlags = Annotated[Everywhere, Parameter()]
PLAIN = Everywhere()
NO_RECIPE_FLAGS = _RECIPE_FLAGS()


def given(help: str) -> Parameter:
    """A flag whose default is told in its help."""
    return Parameter(show_default=False, help=help)


def words(text: str | None) -> tuple[str, ...]:
    """Of a list with commas between; of none, none."""
    return tuple(word for part in (text or "").split(",") if (word := part.strip()))


def resolve_recipe(name: str, flags: Any) -> Recipe:
    """The recipe of that name, with the flags that were given."""
    return Recipe.load(name).replace(**recipe_changes(flags))


def recipe_changes(flags: Any) -> dict[str, Any]:
    """The flags that were given, as `Recipe.replace` takes them."""
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
        raise UsageError(f"--{key} is {text!r}; it takes whole numbers with commas, such as 128,64") from None
