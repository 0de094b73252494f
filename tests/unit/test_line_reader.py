"""A line must read the same from every file of its network, in Python and in the browser (tests/golden/lines.json)."""

import base64
import json
import pickle
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from tenfold.errors import ExportError, ModelError
from tenfold.exporters.from_torch import line_layers
from tenfold.exporters.inference_graph import InferenceLayer, dequantized, evaluate_layers, log_softmax
from tenfold.exporters.onnx_graph import write_onnx
from tenfold.exporters.web import read_web, write_web
from tenfold.reading.decode import log_likelihoods, places, spellings
from tenfold.reading.line_reader import CLASSIFIER, WIDTHS, LineReader, _stretched, implausibility
from tenfold.reading.model_file import LineModelFile, ModelFile
from tenfold.reading.reader import shipped_model
from tenfold.reading.symbols import SYMBOLS

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = json.loads((GOLDEN / "lines.json").read_text())
NETWORK = GOLDEN / "lines.10fd"


def unpacked(text: str, kind: type[np.generic], *shape: int) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind).reshape(shape)


def strips_of(width: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(width).integers(0, 256, (count, 32, width)).astype(np.uint8)


def uneven(layer: InferenceLayer) -> InferenceLayer:
    if layer.weight is None:
        return layer
    factors = np.random.default_rng(1).uniform(0.9, 1, layer.weight.shape)
    return replace(layer, weight=(layer.weight * factors).astype(np.float32))


def even(pixels: np.ndarray) -> np.ndarray:
    """A classifier that sees all digits alike."""
    return np.full((len(pixels), 10), 0.1, np.float32)


def score_of(reader: LineReader, strip: np.ndarray) -> tuple[str, float]:
    reading = reader.read(strip, even)
    return reading.text, reading.score


@pytest.fixture(scope="module")
def line_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_onnx(read_web(NETWORK)[0], tmp_path_factory.mktemp("lines") / "lines.onnx", {"unsure_below": 0.5})


@pytest.mark.parametrize("case", CASES["lines"], ids=lambda case: case["name"])
def test_golden_lines_are_read_as_they_were(case, line_file, reader):
    strip = unpacked(case["strip"], np.uint8, 32, case["width"])
    wanted = unpacked(case["log_probabilities"], np.float32, -1, 24)
    assert LineModelFile(line_file).log_probabilities([strip])[0] == pytest.approx(wanted, abs=1e-4)
    found, golden = LineReader(line_file).read(strip, reader.probabilities), case["reading"]
    assert found.text == golden["text"]
    assert [cut.box for cut in found.cuts] == [tuple(box) for box in golden["boxes"]]
    assert (found.pixels == unpacked(golden["pixels"], np.uint8, -1, 28, 28)).all()
    assert found.probabilities == pytest.approx(np.array(golden["probabilities"]).reshape(-1, 10), abs=1e-3)
    said = [found.score, found.share, found.agreement]
    assert said == pytest.approx([golden[name] for name in ("score", "share", "agreement")], abs=1e-3)


def test_the_mean_of_three_passes_counts(line_file, reader):
    case = CASES["lines"][0]
    strip = unpacked(case["strip"], np.uint8, 32, case["width"])
    found = LineReader(line_file).read(strip, reader.probabilities)
    passes = LineModelFile(line_file).log_probabilities([strip, *(_stretched(strip, wide) for wide in WIDTHS)])
    logs = log_likelihoods(passes, [found.text])[:, 0]
    assert np.ptp(logs) > 0.01
    agreement = found.agreement * len(found.pixels)
    assert found.score == pytest.approx(logs.mean() + implausibility(found.text) + CLASSIFIER * agreement, abs=1e-4)


def test_strips_are_stretched_by_columns_alone():
    strip = np.repeat(np.arange(32, dtype=np.uint8)[:, None], 15, 1)
    # 13.5 and 16.5 columns, rounded to even.
    assert [_stretched(strip, wide).shape for wide in WIDTHS] == [(32, 14), (32, 16)]
    assert (_stretched(strip, 0.9)[:, 1:-1] == strip[:, 1:13]).all()
    for width in (0, 1, 2, 5):
        assert _stretched(strip[:, :width], 0.9).shape == (32, max(1, round(0.9 * width)))


@pytest.mark.parametrize("case", CASES["lines"] + CASES["columns"])
def test_golden_columns_are_decoded_as_they_were(case):
    columns = unpacked(case["log_probabilities"], np.float32, -1, 24)
    texts = [text for text, _ in case["spellings"]]
    assert spellings(columns) == [(text, pytest.approx(log, abs=1e-5)) for text, log in case["spellings"]]
    assert log_likelihoods([columns], texts)[0] == pytest.approx(case["likelihoods"], abs=1e-5)
    assert places(columns, texts[0]) == [tuple(place) for place in case["places"]]


def test_the_browser_has_the_same_symbols():
    assert CASES["symbols"] == SYMBOLS


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("width", [16, 112])
def test_files_give_what_their_layers_do(width, int8, tmp_path):
    # Its weights came from int8; the network's are other numbers.
    layers = [uneven(layer) for layer in read_web(NETWORK)[0]]
    images = strips_of(width)
    kept = [dequantized(layer) for layer in layers] if int8 else layers
    wanted = log_softmax(evaluate_layers(kept, images))
    assert wanted.shape == (2, width // 2, 24)
    found = LineModelFile(write_onnx(layers, tmp_path / "lines.onnx", {}, 8 * int8)).log_probabilities(images)
    assert np.stack(found) == pytest.approx(wanted, abs=1e-4)
    if int8:
        write_web(layers, tmp_path / "lines.10fd", {})
        assert evaluate_layers(read_web(tmp_path / "lines.10fd")[0], images) == pytest.approx(
            evaluate_layers(kept, images), abs=1e-5
        )


def test_a_torch_network_is_converted_with_its_batch_norm_folded():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.PixelUnshuffle(2),
        nn.Conv2d(4, 6, 3, stride=(2, 1), padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d((4, 1)),
        nn.Conv2d(6, 8, (2, 3), padding=(0, 1)),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Conv2d(8, 24, (1, 5), padding=(0, 2)),
    ).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.normal_()
    images = strips_of(48)
    with torch.no_grad():
        wanted = model(torch.from_numpy(images)[:, None] / 255)[:, :, 0].permute(0, 2, 1).numpy()
    layers = line_layers(model)
    assert evaluate_layers(layers, images) == pytest.approx(wanted, abs=1e-4)
    # One number where rows and columns agree, as in the files of digit networks.
    assert [layer.options["padding"] for layer in layers if layer.kind == "convolution"] == [1, [0, 1], [0, 2]]


@pytest.mark.parametrize(
    "modules",
    [
        [nn.PixelUnshuffle(2), nn.Conv2d(4, 10, 3)],
        [nn.Conv2d(1, 24, 3)],
        [nn.PixelUnshuffle(2), nn.Conv2d(4, 24, 3), nn.ReLU()],
        [nn.PixelUnshuffle(2), nn.Conv2d(4, 24, 3, padding="same")],
        [nn.PixelUnshuffle(2), nn.Conv2d(4, 24, 3, dilation=2)],
        [nn.PixelUnshuffle(2), nn.MaxPool2d(3, 1), nn.Conv2d(4, 24, 3)],
        [nn.PixelUnshuffle(2), nn.LSTM(4, 24)],
    ],
)
def test_a_network_that_is_no_line_network_is_refused(modules):
    with pytest.raises(ExportError):
        line_layers(nn.Sequential(*modules))


def test_each_strip_gets_the_columns_of_its_own_width(line_file):
    model = LineModelFile(line_file)
    strips = [strips_of(width, 1)[0] for width in (48, 37, 0, 33, 48)]
    found = model.log_probabilities(strips)
    assert [rows.shape for rows in found] == [(24, 24), (19, 24), (0, 24), (17, 24), (24, 24)]
    padded = np.pad(strips[1], ((0, 0), (0, 11)))
    assert (found[1] == model.log_probabilities([padded])[0][:19]).all()
    assert np.exp(found[0]).sum(1) == pytest.approx(1, abs=1e-5)
    assert model.log_probabilities([]) == []


def test_a_reader_is_shared_between_threads_and_pickled(line_file):
    reader = LineReader(line_file)
    strips = [strips_of(width, 1)[0] for width in (32, 48, 20, 61)]
    wanted = [score_of(reader, strip) for strip in strips]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(score_of, [reader] * 12, strips * 3)) == wanted * 3
    again = pickle.loads(pickle.dumps(reader))
    assert [score_of(again, strip) for strip in strips] == wanted
    # A strip that is not contiguous, as one that is cut from a page.
    assert score_of(reader, np.asfortranarray(strips[3])) == wanted[3]


def test_a_strip_without_columns_reads_as_no_symbols(line_file):
    found = LineReader(line_file).read(np.zeros((32, 0), np.uint8), even)
    assert (found.text, found.cuts, len(found.probabilities), len(found.pixels)) == ("", (), 0, 0)


def test_marks_that_nobody_writes_so_speak_against_a_text():
    for text in ("", "1463", "12/05/2024", "(5+2)", "-3", "1.200,-", "12:30"):
        assert implausibility(text) == 0
    # A slanted 1 looks like a slash or a bracket.
    for text in ("/463", ")463", "(463", "4)63", "1.,2", "?7"):
        assert implausibility(text) < 0
    assert [implausibility(text) for text, _ in CASES["implausibility"]] == [
        value for _, value in CASES["implausibility"]
    ]


def test_files_of_another_kind_are_refused(line_file):
    with pytest.raises(ModelError, match="log_probabilities"):
        LineModelFile(shipped_model())
    with pytest.raises(ModelError, match="gives log_probabilities"):
        ModelFile(line_file)
    with pytest.raises(ModelError, match="no such file"):
        LineReader("gone.onnx")
    with pytest.raises(ModelError, match="can't be run"):
        LineModelFile(line_file).log_probabilities([np.zeros((28, 64), np.uint8)])
    assert LineModelFile(line_file).settings == {"unsure_below": 0.5}


def test_an_onnx_file_of_lines_says_what_it_takes_and_gives(line_file):
    said = onnx.load(line_file)
    assert "uint8[n,32,w], 0 paper to 255 ink" in said.doc_string
    properties = {entry.key: entry.value for entry in said.metadata_props}
    assert "float32[n,w/2,24]" in properties["output"]
    assert [output.name for output in said.graph.output] == ["log_probabilities"]
