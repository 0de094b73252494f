"""A recipe: everything that decides how a model is trained, as frozen dataclasses and as TOML.

Precedence: the dataclasses' defaults, then the recipe's file, then flags. What came of it is stored with the run,
and read back the same.
"""

import dataclasses
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from tenfold.config import build, option
from tenfold.errors import RecipeError, nearest
from tenfold.models import architecture_of
from tenfold.models.model_config import ARCHITECTURES, MLPConfig, ModelConfig

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "one-cycle", "cosine", "linear")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What to train on, and how much of it is kept for validation."""

    dataset: str = option("mnist", "a known data set, or the path of your own")
    validation: float = option(0.2, "share of the training images kept for validation", at_least=0, below=1)
    writers: str = option(
        "", "split by writer: a .npy or .npz of each training image's, or: known, where the set has them"
    )
    split_seed: int = option(0, "seed of the stratified split", at_least=0, at_most=2**63 - 1)
    drawn: int = option(
        0,
        "digits that are drawn for each epoch, in ways that the set may lack, and trained on too",
        at_least=0,
        at_most=10_000_000,
    )
    rescanned: int = option(
        0, "training images scanned again for each epoch, coarsely, and trained on too", at_least=0, at_most=10_000_000
    )
    strangers: int = option(
        0, "images of no digit made up for each epoch, for the model to be unsure of", at_least=0, at_most=10_000_000
    )
    corrections: str = option("", "a folder that tenfold feedback export wrote: trained on beside the set")
    corrections_share: float = option(
        0.2, "share of each epoch's images that are corrections; none is seen more than thirty times",
        above=0, below=1,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How the weights are found."""

    optimizer: str = option("adam", "how gradients become steps", choices=OPTIMIZERS)
    learning_rate: float = option(0.001, "size of a step; the largest, where a schedule changes it", above=0)
    schedule: str = option("constant", "how the learning rate goes over the training", choices=SCHEDULES)
    warmup: float = option(
        0.2, "share of the steps in which one-cycle and cosine let the rate rise first", at_least=0, below=1
    )
    beta1: float = option(0.9, "how much of the mean gradient a step keeps (Adam); momentum (SGD)", at_least=0, below=1)
    beta2: float = option(0.999, "how much of the mean squared gradient a step keeps (Adam)", at_least=0, below=1)
    label_smoothing: float = option(0.0, "share of each label that is spread over all classes", at_least=0, below=1)
    batch_size: int = option(32, "images a step", at_least=1)
    epochs: int = option(10, "passes over the training images", at_least=1)
    l1: float = option(0.0, "penalty on the sum of absolute weights", at_least=0)
    l2: float = option(0.0, "weight decay, decoupled from the gradient", at_least=0)
    averaging: float = option(
        0.0, "average the weights over this last share of the steps; 0: not at all", at_least=0, at_most=1
    )
    early_stopping: int = option(
        0, "stop after this many epochs without a better validation accuracy; 0: never", at_least=0
    )
    keep: str = option(
        "last",
        "which weights the run ends with: of the last epoch, or the best on validation",
        choices=("last", "best"),
    )
    start_from: str = option("", "the run whose weights training begins with; else they are drawn by the seed")
    seed: int = option(0, "seed of weights, order and dropout", at_least=0, at_most=2**63 - 1)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How far each image is changed, anew each time it is seen: at most this much either way. 0: not at all."""

    rotation: float = option(0.0, "degrees that an image is turned", at_least=0, at_most=45)
    shear: float = option(0.0, "slant, as a share of the height", at_least=0, at_most=0.5)
    zoom: float = option(0.0, "change of width and of height, as a logarithm: 0.1 is 10 %", at_least=0, at_most=0.5)
    shift: float = option(0.0, "pixels across and down", at_least=0, at_most=8)
    elastic: float = option(
        0.0,
        "pixels that places move by, smoothly, as if the paper were rubber (standard deviation)",
        at_least=0,
        at_most=3,
    )
    thickness: float = option(0.0, "how much strokes swell or shrink; 1: by a pixel all round", at_least=0, at_most=1)


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Where the arithmetic runs, and how. What is `auto`, or 0 threads, a short probe decides by measurement."""

    device: str = option("cpu", "where to train", choices=("cpu", "cuda", "mps", "auto"))
    threads: int = option(1, "CPU threads; small batches want one; 0: what a probe finds", at_least=0, at_most=1024)
    precision: str = option(
        "float32",
        "of the forward and backward passes; weights are float32 always",
        choices=("float32", "bfloat16", "auto"),
    )
    layout: str = option(
        "contiguous",
        "order in memory that convolutions work in",
        choices=("contiguous", "channels_last", "auto"),
    )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named training recipe. `Recipe.load("tutorial").replace(epochs=3)` is a recipe too."""

    name: str
    description: str = ""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=MLPConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w][\w. -]*", self.name):
            raise RecipeError(
                f"recipe {self.name!r}: a name is letters, digits, spaces, '.', '_' and '-'; it names the run"
            )
        if self.data.validation == 0 and (self.training.early_stopping or self.training.keep == "best"):
            raise RecipeError(
                f"recipe {self.name}: early_stopping and keep = 'best' choose by the validation images, and "
                "validation is 0; the test set is never chosen on: set validation above 0"
            )
        chosen = "early_stopping" if self.training.early_stopping else "keep = 'best'"
        if (self.training.early_stopping or self.training.keep == "best") and (
            self.training.averaging or self.model.members > 1
        ):
            whole = "averaging" if self.training.averaging else "members"
            mend = "--early-stopping 0" if self.training.early_stopping else "--keep last"
            raise RecipeError(
                f"recipe {self.name}: {whole} wants the whole schedule and does not go with {chosen}; add {mend}"
            )

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Recipe":
        """Reads a recipe that ships with Tenfold by its name, or any by the path of its TOML file.

        Raises `RecipeError` when there is none, or it can't be understood.
        """
        name = str(name_or_path)
        if name.endswith(".toml"):
            try:
                return cls.from_toml(Path(name).read_text(encoding="utf-8"), name=Path(name).stem)
            except (OSError, UnicodeDecodeError) as error:
                raise RecipeError(f"cannot read recipe {name}: {error}") from error
        if name not in recipe_names():
            raise RecipeError(f"no recipe {name!r}{nearest(name, recipe_names())} (or give the path of a .toml file)")
        text = _shipped().joinpath(f"{name}.toml").read_text(encoding="utf-8")
        return cls.from_toml(text, name=name)

    @classmethod
    def from_toml(cls, text: str, name: str) -> "Recipe":
        """Reads a recipe from the text of a TOML file; a `name` key in it wins over `name`."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(f"recipe {name} is not TOML: {error}") from error
        return cls._from_document(document, name)

    @classmethod
    def _from_document(cls, document: Mapping[str, Any], name: str) -> "Recipe":
        known = {"name", "description", *_SECTIONS, "model"}
        for key, value in document.items():
            if key not in known:
                raise RecipeError(f"recipe {name}: unknown key {key!r}{nearest(key, known)}")
            kind = str if key in ("name", "description") else dict
            if not isinstance(value, kind):
                raise RecipeError(f"recipe {name}: {key} is {value!r}; it takes a {_KINDS[kind]}")
        sections = {
            key: build(kind, document.get(key, {}), f"recipe {name}, [{key}]") for key, kind in _SECTIONS.items()
        }
        return cls(
            name=document.get("name", name),
            description=document.get("description", ""),
            model=_model_config(document.get("model", {}), name),
            **sections,
        )

    def replace(self, **changes: Any) -> "Recipe":
        """The same recipe with some fields changed, by the names that the flags have; its description says so.

        `replace(epochs=3, hidden=(256,))`. Raises `RecipeError` for a field that this recipe doesn't have, naming
        the nearest, or a value out of range.
        """
        document = self._document()
        homes = {key: section for section in (*_SECTIONS, "model") for key in document[section]}
        # Another architecture starts from its own defaults; what both know is not carried over silently.
        if changes.get("architecture", document["model"]["architecture"]) != document["model"]["architecture"]:
            document["model"] = {"architecture": changes["architecture"]}
            config = ARCHITECTURES.get(changes["architecture"], MLPConfig)
            homes = {key: home for key, home in homes.items() if home != "model"}
            homes |= dict.fromkeys(["architecture", *(f.name for f in dataclasses.fields(config))], "model")
        for key, value in changes.items():
            if key not in homes:
                raise RecipeError(f"recipe {self.name} has no field {key!r}{nearest(key, homes)}")
            if key not in ("seed", "dataset") and document[homes[key]].get(key) != value:
                text = document["description"] or self.name
                document["description"] = f"{text}{',' if _CHANGED in text else _CHANGED} {key} = {_toml(value)}"
            document[homes[key]][key] = value
        return self._from_document(document, self.name)

    def to_toml(self) -> str:
        """The recipe with every field spelled out; `from_toml` gives the same recipe back."""
        document = self._document()
        lines = [f"{key} = {_toml(document[key])}" for key in ("name", "description")]
        for section in ("data", "model", "augment", "training", "engine"):
            lines += ["", f"[{section}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in document[section].items() if value is not None]
        return "\n".join(lines) + "\n"

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"name": self.name, "description": self.description}
        document |= {section: dataclasses.asdict(getattr(self, section)) for section in _SECTIONS}
        model = {"architecture": architecture_of(self.model), **dataclasses.asdict(self.model)}
        return {**document, "model": model}


_SECTIONS: dict[str, type[Any]] = {
    "data": DataConfig,
    "augment": AugmentConfig,
    "training": TrainingConfig,
    "engine": EngineConfig,
}
_CHANGED = "; but"
_KINDS = {str: "text", dict: "section"}


def recipe_names() -> list[str]:
    """The recipes that ship with Tenfold."""
    return sorted(file.name.removesuffix(".toml") for file in _shipped().iterdir() if file.name.endswith(".toml"))


def recipe_fields() -> dict[str, dataclasses.Field[Any]]:
    """Every field that a recipe can have, by the name of its flag; an architecture's own among them."""
    kinds: list[type[Any]] = [DataConfig, *ARCHITECTURES.values(), AugmentConfig, TrainingConfig, EngineConfig]
    return {field.name: field for kind in kinds for field in dataclasses.fields(kind)}


def _shipped() -> Any:
    return resources.files("tenfold") / "recipes"


def _model_config(section: Mapping[str, Any], name: str) -> ModelConfig:
    architecture = section.get("architecture", "mlp")
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        hint = nearest(str(architecture), ARCHITECTURES)
        raise RecipeError(f"recipe {name}: unknown architecture {architecture!r}{hint}")
    options = {key: value for key, value in section.items() if key != "architecture"}
    return build(ARCHITECTURES[architecture], options, f"recipe {name}, [model]")


def _toml(value: Any) -> str:
    # What recipes hold (texts, numbers, booleans, lists of numbers) is written the same in JSON and in TOML.
    text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")  # The one character that JSON takes bare and TOML does not.
