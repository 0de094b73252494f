"""A network that answers otherwise once it is deployed was deployed wrong."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from lab.runtimes.network_file import read_deployed, read_layers, store_layers, store_module
from lab.runtimes.runtime_network import load_network
from lab.runtimes.runtime_registry import RUNTIMES
from lab.runtimes.torch_graph import GraphNetwork
from tenfold.errors import FormatError, RunError, UsageError
from tenfold.exporters.from_torch import inference_layers
from tenfold.exporters.inference_graph import evaluate_layers
from tenfold.models import build_model
from tenfold.models.model_config import ACTIVATIONS
from tenfold.training.recipe import Recipe
from tenfold.training.trainer import predict_logits

CASES = [
    ("tutorial", {}),
    ("sprint", {}),
    ("dash", {}),
    ("cnn", {}),
    ("reader", {}),
    ("resnet", {}),
    ("separable", {}),
    *(("dash", {"activation": name}) for name in ACTIVATIONS),
]
TO_LITERT = """
import sys
from pathlib import Path
import numpy as np
from lab.runtimes.on_litert import LiteRT
from lab.runtimes.tensorflow_graph import write_tflite
from lab.runtimes.network_file import read_layers
folder = Path(sys.argv[1])
images = np.load(folder / "images.npy")
for file in sorted(folder.glob("*.safetensors")):
    runtime = LiteRT(write_tflite(read_layers(file), file.with_suffix(".tflite")), 1)
    alone = np.concatenate([runtime.answer(images[i : i + 1]) for i in range(3)])
    rows = runtime.answer(images)
    assert np.abs(rows[:3] - alone).max() < 1e-5
    np.save(file.with_suffix(".npy"), rows)
"""


def lively(name, changes):
    """A model whose batch norms have something to fold, negative factors among them."""
    torch.manual_seed(0)
    model = build_model(Recipe.load(name).replace(**changes).model)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.normal_()
            module.bias.data.normal_()
    return model.eval()


@pytest.mark.parametrize(("name", "changes"), CASES, ids=str)
def test_the_deployed_network_is_the_trained_one(name, changes, mnist):
    images = np.array(mnist.train_images[:64])
    model = lively(name, changes)
    folded = GraphNetwork(inference_layers(model, temperature=1.5))
    logits = predict_logits(model, torch.from_numpy(images)).numpy() / 1.5
    assert predict_logits(folded, torch.from_numpy(images)).numpy() == pytest.approx(logits, rel=1e-4, abs=1e-4)


def test_litert_runs_every_kind_of_layer(tmp_path, mnist, needs):
    needs(RUNTIMES["litert"].missing)
    images = np.array(mnist.train_images[:64])
    np.save(tmp_path / "images.npy", images)
    expected = {}
    for number, (name, changes) in enumerate(CASES):
        layers = inference_layers(lively(name, changes))
        store_layers(tmp_path / f"{number}.safetensors", layers)
        logits = torch.from_numpy(evaluate_layers(layers, images))
        expected[number] = logits.softmax(1).numpy()
    # In a process of its own: TensorFlow beside PyTorch is not what a test of one should depend on.
    done = subprocess.run([sys.executable, "-c", TO_LITERT, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for number, case in enumerate(CASES):
        assert np.load(tmp_path / f"{number}.npy") == pytest.approx(expected[number], abs=1e-4), case


def test_inference_layers_come_back_as_they_were_stored(tmp_path):
    layers = inference_layers(lively("resnet", {}), temperature=1.5)
    store_layers(tmp_path / "model.safetensors", layers)
    for before, after in zip(layers, read_layers(tmp_path / "model.safetensors"), strict=True):
        assert (before.kind, before.options) == (after.kind, after.options)
        for kept, given in ((before.weight, after.weight), (before.bias, after.bias)):
            assert (kept is None) == (given is None)
            assert kept is None or np.array_equal(kept, given)


@pytest.mark.parametrize("changes", [{}, {"deskew": True}, {"ensemble_size": 3}], ids=str)
def test_a_module_without_an_inference_graph_is_rebuilt_from_its_recipe(tmp_path, mnist, changes):
    recipe = Recipe.load("cnn").replace(**changes)
    module = lively("cnn", changes)
    store_module(tmp_path / "model.safetensors", module, recipe, temperature=2.0)
    images = torch.from_numpy(np.array(mnist.train_images[:16]))
    expected = (predict_logits(module, images) / 2).softmax(1).numpy()
    with torch.inference_mode():
        assert read_deployed(tmp_path / "model.safetensors")(images).numpy() == pytest.approx(expected, abs=1e-5)


def test_a_calibrated_run_answers_with_its_temperature(run, mnist, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    plain = load_network(str(copy))
    (copy / "calibration.json").write_text('{"temperature": 2.5, "unsure_below": 0.5}')
    calibrated = load_network(str(copy))
    images = np.array(mnist.test_images[:32])
    logits = predict_logits(run.model(), torch.from_numpy(images))
    for network, temperature in ((plain, 1.0), (calibrated, 2.5)):
        expected = (logits / temperature).softmax(1).numpy()
        assert network.answers(images, "float32") == pytest.approx(expected, abs=1e-5)
        assert network.answers(images, "int8") == pytest.approx(expected, abs=0.05)


def test_the_shipped_network_is_what_the_reader_reads_with(mnist):
    from tenfold.reading.model_file import ModelFile
    from tenfold.reading.reader import shipped_model

    images = np.array(mnist.test_images[:100])
    answers = load_network(None).answers(images, "float32")
    assert answers == pytest.approx(ModelFile(shipped_model()).probabilities(images), abs=1e-4)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(RunError, match="is not a folder"):
        load_network(str(tmp_path / "none"))
    (tmp_path / "file.10fd").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="not a web model"):
        load_network(str(tmp_path / "file.10fd"))
    with pytest.raises(UsageError, match="name its run"):
        load_network("model.onnx")
