"""A recipe: everything that decides how a model is trained, as frozen dataclasses and as TOML.

Precedence: the dataclasses' defaults, then the recipe's file, then flags. The resolved recipe is stored with the run.
"""

import dataclasses
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.config import build, option
from tenfold.errors import RecipeError, nearest
from tenfold.models import CLASSES
from tenfold.models.model_config import ARCHITECTURES, MLPConfig, ModelConfig, architecture_of, config_of

if TYPE_CHECKING:
    from tenfold.data import Dataset
    from tenfold.models.describe import LayerSummary

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "one-cycle", "cosine", "linear")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Training data, and the part of it that is held out for validation."""

    dataset: str = option("mnist", "name of a known data set, or path of your own")
    class_names: tuple[str, ...] = option(
        (),
        "classes of your own data, if they are not the digits: the names of the folders of images, such as alpha,beta",
    )
    validation: float = option(0.2, "fraction of the training images held out for validation", at_least=0, below=1)
    writers: str = option(
        "",
        "split by writer: path of a .npy or .npz with each training image's writer, or known if the data set has them",
    )
    split_seed: int = option(0, "seed of the validation split", at_least=0, at_most=2**63 - 1)
    images: int = option(
        0, "train on this many of the images that are not held out, chosen at random; 0: all", at_least=0
    )
    synthetic: int = option(
        0, "synthetic digits added in each epoch, in styles that MNIST lacks", at_least=0, at_most=10_000_000
    )
    degraded: int = option(
        0,
        "degraded copies of training images added in each epoch, as if scanned coarsely",
        at_least=0,
        at_most=10_000_000,
    )
    non_digits: int = option(
        0, "synthetic non-digits added in each epoch, to train the model to be unsure", at_least=0, at_most=10_000_000
    )
    feedback: str = option("", "folder written by tenfold feedback export; its samples are trained on too")
    feedback_share: float = option(
        0.2, "fraction of each epoch's images that are feedback samples; each is repeated at most 30 times",
        above=0, below=1,
    )  # fmt: skip

    @property
    def classes(self) -> int:
        """The number of classes, known without loading the data."""
        from tenfold.data.catalog import find_entry, is_known

        known = find_entry(self.dataset).class_names if is_known(self.dataset) else ()
        return len(self.class_names or known) or CLASSES

    @property
    def has_extra_images(self) -> bool:
        """Whether the recipe adds images to the data set's in each epoch."""
        return bool(self.synthetic or self.degraded or self.non_digits or self.feedback)

    def load(self) -> "Dataset":
        """Loads the data set."""
        from tenfold.data import load_dataset

        return load_dataset(self.dataset, class_names=self.class_names)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Optimization."""

    optimizer: str = option("adam", "optimization algorithm", choices=OPTIMIZERS)
    learning_rate: float = option(0.001, "learning rate; the highest, where a schedule changes it", above=0)
    schedule: str = option("constant", "learning rate schedule", choices=SCHEDULES)
    warmup: float = option(
        0.2, "fraction of the steps in which one-cycle and cosine raise the learning rate", at_least=0, below=1
    )
    momentum: float = option(0.9, "Nesterov momentum (SGD)", at_least=0, below=1)
    beta1: float = option(0.9, "decay of the mean gradient (Adam)", at_least=0, below=1)
    beta2: float = option(0.999, "decay of the mean squared gradient (Adam)", at_least=0, below=1)
    label_smoothing: float = option(0.0, "fraction of each label spread over all classes", at_least=0, below=1)
    batch_size: int = option(32, "images per step", at_least=1)
    epochs: int = option(10, "passes over the training images", at_least=1)
    hard_examples: float = option(
        1.0, "fraction of the training images that epochs after the first train on: those with the highest loss",
        above=0, at_most=1,
    )  # fmt: skip
    l1: float = option(0.0, "L1 penalty on the weights", at_least=0)
    weight_decay: float = option(
        0.0, "weight decay of the weights, not of biases or batch norm, decoupled from the gradient", at_least=0
    )
    weight_averaging: float = option(
        0.0, "average the weights over this last fraction of the steps; 0: off", at_least=0, at_most=1
    )
    early_stopping: int = option(
        0, "stop after this many epochs without a higher validation accuracy; 0: off", at_least=0
    )
    final_weights: str = option(
        "last", "weights the run ends with: of the last epoch, or of the one with the best validation accuracy",
        choices=("last", "best"),
    )  # fmt: skip
    initial_run: str = option("", "run whose weights training starts from; if empty, the seed initializes them")
    seed: int = option(0, "seed of weights, order and dropout", at_least=0, at_most=2**63 - 1)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random augmentation, new each time an image is used: the largest change in either direction; 0: off."""

    rotation: float = option(0.0, "rotation in degrees", at_least=0, at_most=45)
    shear: float = option(0.0, "horizontal shear, as a fraction of the height", at_least=0, at_most=0.5)
    zoom: float = option(
        0.0, "scaling of width and height, as a natural logarithm: 0.1 is 10 %", at_least=0, at_most=0.5
    )
    shift: float = option(0.0, "translation in pixels, horizontal and vertical", at_least=0, at_most=8)
    elastic: float = option(0.0, "elastic deformation: standard deviation in pixels", at_least=0, at_most=3)
    thickness: float = option(0.0, "stroke thickness; 1: a pixel more or less on all sides", at_least=0, at_most=1)


@dataclass(frozen=True, kw_only=True)
class DeviceConfig:
    """Execution settings. Autotuning decides what is `auto` or 0 by timing a few training steps on this machine."""

    device: str = option("cpu", "where to train", choices=("cpu", "cuda", "mps", "auto"))
    threads: int = option(1, "CPU threads; one is best for small batches; 0: autotuned", at_least=0, at_most=1024)
    precision: str = option(
        "float32", "precision of forward and backward passes; weights are always float32",
        choices=("float32", "bfloat16", "auto"),
    )  # fmt: skip
    memory_format: str = option(
        "contiguous", "memory format of convolutions", choices=("contiguous", "channels_last", "auto")
    )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides how a model is trained. `Recipe.load("tutorial").replace(epochs=3)` changes a field."""

    name: str
    description: str = ""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=MLPConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w][\w. -]*", self.name):
            raise RecipeError(
                f"recipe {self.name!r}: a name consists of letters, digits, spaces, '.', '_' and '-'; it names the run"
            )
        names = {field.name for section in _SECTIONS.values() for field in dataclasses.fields(section)}
        if both := names.intersection(vars(self.model)):
            raise RecipeError(f"recipe {self.name}: {min(both)} is a field of recipes; rename that of the architecture")
        training = self.training
        if training.hard_examples < 1 and self.data.has_extra_images:
            raise RecipeError(
                f"recipe {self.name}: hard_examples are chosen by how they were read before, and images that are added "
                "are new in each epoch; add --hard-examples 1"
            )
        if not training.early_stopping and training.final_weights != "best":
            return
        if self.data.validation == 0:
            raise RecipeError(
                f"recipe {self.name}: early_stopping and final_weights = 'best' need validation images, and "
                "validation is 0; set validation above 0"
            )
        if training.weight_averaging or self.model.ensemble_size > 1:
            whole = "weight_averaging" if training.weight_averaging else "ensemble_size above 1"
            chosen = "early_stopping" if training.early_stopping else "final_weights = 'best'"
            fix = "--early-stopping 0" if training.early_stopping else "--final-weights last"
            raise RecipeError(
                f"recipe {self.name}: {whole} needs the whole schedule and cannot be combined with {chosen}; add {fix}"
            )

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Recipe":
        """Loads a recipe that ships with Tenfold by its name, or any recipe by the path of its TOML file.

        Raises `RecipeError` if there is none, or a field is unknown or invalid.
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
        """Parses the text of a TOML file; a `name` key in it overrides `name`."""
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
            model=_model_config(document.get("model", {}), f"recipe {name}"),
            **sections,
        )

    def replace(self, **changes: Any) -> "Recipe":
        """Returns a copy with some fields changed, such as `replace(epochs=3, hidden=(256,))`; its description says so.

        Raises `RecipeError` for a field that this recipe doesn't have, naming the nearest, or a value out of range.
        """
        document = self._document()
        section_of = {key: section for section in (*_SECTIONS, "model") for key in document[section]}
        # Another architecture starts from its own defaults, even for fields that both have.
        if changes.get("architecture", document["model"]["architecture"]) != document["model"]["architecture"]:
            document["model"] = {"architecture": changes["architecture"]}
            config = ARCHITECTURES.get(changes["architecture"], MLPConfig)
            section_of = {key: section for key, section in section_of.items() if section != "model"}
            section_of |= dict.fromkeys(["architecture", *(f.name for f in dataclasses.fields(config))], "model")
        for key, value in changes.items():
            if key not in section_of:
                raise RecipeError(f"recipe {self.name} has no field {key!r}{self._hint(key, section_of)}")
            if key not in ("seed", "dataset", "class_names") and document[section_of[key]].get(key) != value:
                text = document["description"] or self.name
                document["description"] = f"{text}{',' if _CHANGED in text else _CHANGED} {key} = {_toml(value)}"
            document[section_of[key]][key] = value
        return self._from_document(document, self.name)

    def layers(self) -> "list[LayerSummary]":
        """Returns the layers of the recipe's network: kinds, output shapes, parameters and multiply-adds."""
        from tenfold.models import build_model
        from tenfold.models.describe import describe_model

        return describe_model(build_model(self.model, self.data.classes))

    def to_toml(self) -> str:
        """Returns TOML with every field; `from_toml` is the inverse."""
        document = self._document()
        lines = [f"{key} = {_toml(document[key])}" for key in ("name", "description")]
        for section in ("data", "model", "augment", "training", "device"):
            lines += ["", f"[{section}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in document[section].items()]
        return "\n".join(lines) + "\n"

    def _hint(self, key: str, known: Collection[str]) -> str:
        """The end of the message on an unknown field."""
        others = [name for name, kind in ARCHITECTURES.items() if key in (f.name for f in dataclasses.fields(kind))]
        if not others:
            return nearest(key, known)
        own = ", ".join(sorted(f.name for f in dataclasses.fields(self.model)))
        return f", an option of {' and '.join(others)}; its architecture, {architecture_of(self.model)}, has {own}"

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"name": self.name, "description": self.description}
        document |= {section: dataclasses.asdict(getattr(self, section)) for section in _SECTIONS}
        model = {"architecture": architecture_of(self.model), **dataclasses.asdict(self.model)}
        return {**document, "model": model}


_SECTIONS: dict[str, type[Any]] = {
    "data": DataConfig,
    "augment": AugmentConfig,
    "training": TrainingConfig,
    "device": DeviceConfig,
}
_CHANGED = "; but"
_KINDS = {str: "string", dict: "section"}


def recipe_names() -> list[str]:
    """Returns the names of the recipes that ship with Tenfold."""
    return sorted(file.name.removesuffix(".toml") for file in _shipped().iterdir() if file.name.endswith(".toml"))


def recipe_fields() -> dict[str, dataclasses.Field[Any]]:
    """Returns every field of every section and architecture by name, with default and metadata of `config.option`."""
    kinds: list[type[Any]] = [DataConfig, *ARCHITECTURES.values(), AugmentConfig, TrainingConfig, DeviceConfig]
    return {field.name: field for kind in kinds for field in dataclasses.fields(kind)}


def _shipped() -> Any:
    return resources.files("tenfold") / "recipes"


def _model_config(section: Mapping[str, Any], where: str) -> ModelConfig:
    options = {"architecture": "mlp", **section}
    return config_of(options.pop("architecture"), options, where)


def _toml(value: Any) -> str:
    # Strings, numbers, booleans and lists are written the same in JSON and in TOML.
    text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")  # The one character that JSON allows unescaped and TOML does not.
