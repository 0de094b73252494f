"""A file that reads otherwise than the model it came from would be wrong on every device that it was shipped to."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tenfold.errors import ExportError, FormatError, ModelError, UsageError
from tenfold.exporters.c import run_c, write_c
from tenfold.exporters.from_torch import inference_layers
from tenfold.exporters.inference_graph import InferenceLayer, dequantized, evaluate_layers, pack, softmax, unpack
from tenfold.exporters.onnx import export_onnx
from tenfold.exporters.onnx_graph import write_onnx
from tenfold.exporters.web import read_web, write_web
from tenfold.models import build_model
from tenfold.models.model_config import ACTIVATIONS, ARCHITECTURES
from tenfold.reading.model_file import ModelFile
from tenfold.reading.reader import shipped_model
from tenfold.runs.export import export
from tenfold.training.recipe import Recipe
from tenfold.training.trainer import predict_logits

ROOT = Path(__file__).parents[2]


def lively(recipe: Recipe) -> torch.nn.Module:
    """A model whose batch norms have something to fold, negative factors among them."""
    torch.manual_seed(0)
    model = build_model(recipe.model)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.normal_()
            module.bias.data.normal_()
    return model.eval()


CASES = [
    ("tutorial", {}),
    ("sprint", {}),
    ("dash", {}),
    ("accurate", {"test_time_augmentation": False}),
    ("cnn", {"dropout": 0.3}),
    ("reader", {}),
    ("resnet", {}),
    ("separable", {}),
    ("tiny", {}),
    ("small", {"width": 8}),
    *(("dash", {"activation": name}) for name in ACTIVATIONS),
]


@pytest.mark.parametrize(("name", "changes"), CASES, ids=lambda value: str(value))
def test_int8_files_do_what_their_weights_say(name, changes, mnist, tmp_path):
    images = np.array(mnist.train_images[:64])
    model = lively(Recipe.load(name).replace(**changes))
    layers = inference_layers(model, temperature=1.5)
    logits = predict_logits(model, torch.from_numpy(images)).numpy() / 1.5
    assert evaluate_layers(layers, images) == pytest.approx(logits, rel=1e-4, abs=1e-4)
    kept = evaluate_layers([dequantized(layer) for layer in layers], images)
    # Of 254 steps, half a one for each weight: the sum moves by little.
    assert np.abs(kept - logits).max() < 0.05 * max(1, np.abs(logits).max())

    write_onnx(layers, tmp_path / "model.onnx", {"unsure_below": 0.7}, bits=8)
    opened = ModelFile(tmp_path / "model.onnx")
    assert opened.settings == {"unsure_below": 0.7}
    assert opened.probabilities(images) == pytest.approx(softmax(kept), abs=1e-4)

    write_web(layers, tmp_path / "model.10fd", {"unsure_below": 0.7})
    read, settings = read_web(tmp_path / "model.10fd")
    assert settings == {"unsure_below": 0.7}
    assert evaluate_layers(read, images) == pytest.approx(kept, abs=1e-5)


@pytest.mark.parametrize("precision", [(6, 8), (8, 16)])
@pytest.mark.parametrize(("name", "changes"), CASES, ids=lambda value: str(value))
def test_a_c_header_does_what_its_weights_say(name, changes, precision, mnist, tmp_path):
    images = np.array(mnist.train_images[:64])
    images[0] = 0
    layers, path = inference_layers(lively(Recipe.load(name).replace(**changes))), tmp_path / "digits.h"
    wanted = softmax(evaluate_layers(write_c(layers, path, {"unsure_below": 0.7}, precision), images))
    assert compiled(path, images) == pytest.approx(wanted, abs=1e-4)
    assert "#define TENFOLD_UNSURE_BELOW 0.7f\n" in path.read_text()


# The program of the documentation.
PROGRAM = re.search("```c\n(.*?)```", (ROOT / "docs/how-it-works/export.md").read_text("utf-8"), re.DOTALL)


def compiled(path, images):
    """What the header answers, which no compiler may warn of."""
    if not (shutil.which("cc") and shutil.which("c++")):
        pytest.skip("there is no C compiler")
    assert PROGRAM
    (path.parent / "main.c").write_text(PROGRAM[1])
    for compiler in (["cc", "-std=c99", "-pedantic", "-Wconversion"], ["c++", "-x", "c++"]):
        command = [*compiler, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", str(path.parent / "main.c")]
        subprocess.run(command, check=True)
    return run_c(path, images)


def test_a_c_header_says_what_it_classifies(tmp_path):
    layers = inference_layers(lively(Recipe.load("tiny")))
    write_c(layers, tmp_path / "model.h", {"class_names": ["a */ b", "c\n$d"]})
    text = (tmp_path / "model.h").read_text()
    assert "probabilities: of the classes a * / b, c $d;" in text
    assert "$" not in text.replace("$d", "")
    assert text.count("{") == text.count("}")


def test_a_c_header_refuses_what_it_cannot_hold(tmp_path):
    layers = inference_layers(lively(Recipe.load("tiny")))
    layers[-1] = replace(layers[-1], bias=np.full(10, np.inf, np.float32))
    with pytest.raises(ExportError, match="not finite"):
        write_c(layers, tmp_path / "model.h", {})
    with pytest.raises(ExportError, match="strips"):
        write_c([InferenceLayer("strips")], tmp_path / "model.h", {})
    assert not (tmp_path / "model.h").exists()


@pytest.mark.parametrize("size", [1e-9, 1, 1e30])
def test_scales_and_biases_of_any_size_keep_seven_bits(size, tmp_path):
    layers = inference_layers(lively(Recipe.load("tutorial")))
    for at, layer in enumerate(layers):
        if layer.weight is not None and layer.bias is not None:
            layers[at] = replace(layer, weight=layer.weight * size, bias=layer.bias * size)
    for layer, held in zip(layers, write_c(layers, tmp_path / "model.h", {}, (7, 8)), strict=True):
        if layer.weight is not None:
            for values, exact in ((held.weight, layer.weight), (held.bias, layer.bias)):
                assert np.abs(values - exact).max() <= np.abs(exact).max() / 64


@pytest.mark.parametrize("bits", range(2, 9))
def test_whole_numbers_of_few_bits_are_packed(bits):
    largest = 2 ** (bits - 1) - 1
    whole = np.random.default_rng(0).integers(-largest - 1, largest + 1, (3, 37)).astype(np.int8)
    content = pack(whole, bits)
    assert len(content) == -(-whole.size * bits // 8)
    assert (unpack(content, whole.size, bits).reshape(whole.shape) == whole).all()


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weights_trained_with_few_bits_are_exported_as_they_are(bits, mnist, tmp_path):
    images = np.array(mnist.train_images[:64])
    model = lively(Recipe.load("small").replace(width=8, weight_bits=bits))
    exact = softmax(predict_logits(model, torch.from_numpy(images)).numpy())
    layers = inference_layers(model)
    write_web(layers, tmp_path / "model.10fd", {}, f"int{bits}")
    assert softmax(evaluate_layers(read_web(tmp_path / "model.10fd")[0], images)) == pytest.approx(exact, abs=1e-4)
    write_onnx(layers, tmp_path / "model.onnx", {}, bits)
    assert ModelFile(tmp_path / "model.onnx").probabilities(images) == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_exported(name, mnist, tmp_path):
    images = np.array(mnist.train_images[:64])
    model = lively(Recipe.load(name))
    assert export_onnx(model, tmp_path / "model.onnx", images) < 1e-4
    probabilities = softmax(predict_logits(model, torch.from_numpy(images)).numpy())
    assert ModelFile(tmp_path / "model.onnx").probabilities(images) == pytest.approx(probabilities, abs=1e-4)
    try:
        layers = inference_layers(model)
    except ExportError as error:
        assert "--to onnx" in str(error)  # noqa: PT017
    else:
        assert softmax(evaluate_layers(layers, images)) == pytest.approx(probabilities, abs=1e-4)


@pytest.mark.parametrize("count", [1, 100])
@pytest.mark.parametrize("name", ["reader", "mlp", "cnn", "resnet", "separable", "sprint", "dash"])
def test_opencv_reads_what_has_an_inference_graph(name, count, mnist, tmp_path):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed (dependency group runtimes)")
    path = shipped_model() if name == "reader" else tmp_path / "model.onnx"
    images = np.array(mnist.test_images[:count])
    if name != "reader":
        write_onnx(inference_layers(lively(Recipe.load(name))), path, {})
    network = cv2.dnn.readNetFromONNX(str(path))
    network.setInput(images, "images")
    assert network.forward("probabilities") == pytest.approx(ModelFile(path).probabilities(images), abs=1e-4)


def test_an_onnx_file_says_what_it_takes_and_gives():
    said = onnx.load(shipped_model())
    assert "uint8[n,28,28], 0 paper to 255 ink" in said.doc_string
    properties = {entry.key: entry.value for entry in said.metadata_props}
    assert properties.keys() == {"tenfold", "input", "range", "output"}
    assert "float32[n,10]" in properties["output"]


@pytest.mark.parametrize("weights", ["int3", "int8", "float16"])
def test_a_web_file_that_was_cut_short_is_refused(weights, tmp_path):
    path = write_web(inference_layers(lively(Recipe.load("mlp"))), tmp_path / "model.10fd", {}, weights)
    content = path.read_bytes()
    for length in (len(content) - 1, len(content) // 2):
        path.write_bytes(content[:length])
        with pytest.raises(FormatError, match="damaged"):
            read_web(path)


def test_half_precision_web_files_are_nearer(mnist, tmp_path):
    images = np.array(mnist.train_images[:64])
    layers = inference_layers(lively(Recipe.load("dash")))
    exact = evaluate_layers(layers, images)
    errors = {}
    for kind in ("int8", "float16"):
        write_web(layers, tmp_path / kind, {}, kind)
        errors[kind] = np.abs(evaluate_layers(read_web(tmp_path / kind)[0], images) - exact).max()
    assert errors["float16"] < errors["int8"] / 4
    with pytest.raises(ExportError, match="float64"):
        write_web(layers, tmp_path / "x", {}, "float64")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("lenet", "Subsampling"),
        ("accurate", "Composite"),
        ("ensemble", "ensemble"),
    ],
)
def test_a_model_without_an_inference_graph_is_refused(name, word):
    with pytest.raises(ExportError, match=word):
        inference_layers(build_model(Recipe.load(name).model))


@pytest.mark.parametrize("to", ["onnx", "onnx-int8", "web", "c"])
def test_a_run_is_exported_and_agrees(run, tmp_path, to):
    made = export(run, to, tmp_path / "out" / "model.bin")
    assert made.size_bytes == made.path.stat().st_size
    assert made.difference < (1e-4 if to == "onnx" else 0.2)
    assert made.images == 512


def test_an_export_that_changes_readings_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.runs.export.CHANGED", -1.0)
    with pytest.raises(ExportError, match="--to onnx"):
        export(run, "web", tmp_path / "model.10fd")
    assert not (tmp_path / "model.10fd").exists()


def test_an_unknown_format_is_reported(run):
    with pytest.raises(UsageError, match="onnx-int8"):
        export(run, "onnx-int4")


def test_the_command_exports(tenfold_json, run, tmp_path):
    document = tenfold_json("export", run.path, "--to", "web", "--out", tmp_path / "m.10fd")
    assert document["path"] == str(tmp_path / "m.10fd")
    assert document["size_bytes"] == (tmp_path / "m.10fd").stat().st_size


@pytest.mark.parametrize("content", [b"", b"10FD", b"10FD\x05\x00\x00\x00{}   ", b"PK\x03\x04" + b"\0" * 60])
def test_damaged_web_files_are_reported(tmp_path, content):
    (tmp_path / "model.10fd").write_bytes(content)
    with pytest.raises(FormatError):
        read_web(tmp_path / "model.10fd")


def test_model_files_that_are_none_are_reported(tmp_path, run):
    with pytest.raises(ModelError, match="no such file"):
        ModelFile(tmp_path / "gone.onnx")
    (tmp_path / "cut.onnx").write_bytes((run.path / "model.onnx").read_bytes()[:200])
    with pytest.raises(ModelError, match=r"cut\.onnx"):
        ModelFile(tmp_path / "cut.onnx")
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [out])
    onnx.save(
        helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 20)]), tmp_path / "other.onnx"
    )
    with pytest.raises(ModelError, match="not a Tenfold model"):
        ModelFile(tmp_path / "other.onnx")


def test_settings_that_are_no_json_are_reported(tmp_path, run, mnist):
    layers = inference_layers(run.model())
    write_onnx(layers, tmp_path / "model.onnx", {})
    import onnx

    model = onnx.load(tmp_path / "model.onnx")
    onnx.helper.set_model_props(model, {"tenfold": json.dumps([1])})
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="metadata"):
        ModelFile(tmp_path / "model.onnx")


def test_the_model_card_gives_the_number_of_weights_in_the_shipped_files():
    model = shipped_model()
    layers, _ = read_web(model.with_suffix(".10fd"))
    count = sum(values.size for layer in layers for values in (layer.weight, layer.bias) if values is not None)
    assert f"the same {count:,} numbers" in (model.parent / "README.md").read_text()
