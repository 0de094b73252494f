"""The frameworks and what each needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.installed import is_installed, versions
from tenfold.errors import UsageError, nearest


@dataclass(frozen=True, kw_only=True)
class FrameworkEntry:
    """A framework: where its class is, as `module:class`, and what must be installed for it.

    distributions: by their names in the package index; the first is the one whose version is reported.
    environment: variables that must be set before it is imported.
    """

    title: str
    target: str
    distributions: tuple[str, ...]
    networks: tuple[str, ...] = ("mlp", "cnn")
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """The distributions that are not installed."""
        return [name for name in self.distributions if not is_installed(name)]

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the distributions that are installed."""
        return versions(self.distributions)


_HERE = "lab.frameworks."

FRAMEWORKS = {
    "tenfold": FrameworkEntry(title="Tenfold", target=_HERE + "on_tenfold:Tenfold", distributions=("torch",)),
    "pytorch": FrameworkEntry(title="PyTorch", target=_HERE + "on_pytorch:PyTorch", distributions=("torch",)),
    "pytorch-compiled": FrameworkEntry(
        title="PyTorch, compiled", target=_HERE + "on_pytorch:CompiledPyTorch", distributions=("torch",)
    ),
    "jax": FrameworkEntry(title="JAX", target=_HERE + "on_jax:JAX", distributions=("jax", "flax", "optax")),
    "keras-tensorflow": FrameworkEntry(
        title="Keras on TensorFlow", target=_HERE + "on_keras:Keras", distributions=("keras", "tensorflow-cpu"),
        environment={"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
    ),
    "keras-jax": FrameworkEntry(
        title="Keras on JAX", target=_HERE + "on_keras:Keras", distributions=("keras", "jax"),
        environment={"KERAS_BACKEND": "jax"},
    ),
    "keras-torch": FrameworkEntry(
        title="Keras on PyTorch", target=_HERE + "on_keras:Keras", distributions=("keras", "torch"),
        environment={"KERAS_BACKEND": "torch"},
    ),
    "scikit-learn": FrameworkEntry(
        title="scikit-learn", target=_HERE + "on_sklearn:ScikitLearn", distributions=("scikit-learn",),
        networks=("mlp",),
    ),
    "tinygrad": FrameworkEntry(
        title="tinygrad", target=_HERE + "on_tinygrad:Tinygrad", distributions=("tinygrad",),
        # No accelerator; no compiled kernels of an earlier process; no second process that compiles.
        environment={"DEV": "CPU", "CACHELEVEL": "0", "PARALLEL": "0"},
    ),
    "numpy": FrameworkEntry(
        title="NumPy", target=_HERE + "on_numpy:NumPy", distributions=("numpy",), networks=("mlp",)
    ),
}  # fmt: skip

# Installs all of them.
INSTALL = "make frameworks, or pip install --group frameworks"


def chosen(names: Sequence[str]) -> dict[str, FrameworkEntry]:
    """The frameworks of those names; if empty, all. Raises `UsageError` for an unknown one, naming the nearest."""
    for name in names:
        if name not in FRAMEWORKS:
            raise UsageError(f"there is no framework {name!r}{nearest(name, FRAMEWORKS)}")
    return {name: entry for name, entry in FRAMEWORKS.items() if not names or name in names}
