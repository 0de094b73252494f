"""Trains the network that reads lines, and stores its weights: `python -m lab.train_line_reader OUT`.

    OUT                      a folder for the checkpoint; training resumes from it
    --ship                   store the checkpoint's weights in the package, for Python and the web app; train nothing
    --steps N                how long; the learning rate falls to 0 at the end
    --rate R                 the learning rate at the start
    --start FILE             begin with the weights of a web file, such as the shipped lines.10fd
    --writers FILE           who wrote each MNIST image (.npz): the lines of one writer in ten are left for measuring

A fully convolutional network with CTC (Graves et al. 2006), on lines that `tenfold.synthesis.lines` composes: none is
seen twice as it is. One process composes while this one trains.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tenfold import files
from tenfold.data import load_dataset
from tenfold.data.npz_file import load_writers
from tenfold.data.splits import writer_split
from tenfold.document.strips import HEIGHT
from tenfold.exporters.from_torch import line_layers
from tenfold.exporters.inference_graph import InferenceLayer
from tenfold.exporters.onnx_graph import write_onnx
from tenfold.exporters.web import read_web, write_web
from tenfold.models.layers import set_memory_format
from tenfold.reading.cut import COLUMN
from tenfold.reading.line_reader import shipped_line_model
from tenfold.reading.symbols import BLANK, SYMBOLS
from tenfold.synthesis.glyphs import Glyphs, make_glyphs
from tenfold.synthesis.line_degradation import degrade
from tenfold.synthesis.lines import encode, write_line
from tenfold.training.device import computes_in_bfloat16

BATCH, CHUNK = 128, 4096
# How often a line is used, each time degraded in another way: writing it takes three quarters of the composing.
USES = 4
# Pixels that a line is long at most, and the share of lines that are not degraded.
LONGEST, CLEAN = 400, 0.15
RATE, DECAY, AVERAGE = 3e-3, 0.02, 0.9995
WARM_UP = 500
# Share of the training in which the columns' classes are taught too, at the symbols' middles: CTC alone needs
# thousands of steps to find out where symbols are.
ALIGNED = 0.25


def build_net() -> nn.Sequential:
    """float32[N,1,32,W], 0 paper to 1 ink -> logits float32[N,24,1,W/2]; 190,000 parameters."""

    def layer(
        inputs: int, outputs: int, kernel: tuple[int, int], stride: int, padding: tuple[int, int]
    ) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, kernel, (stride, 1), padding, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        nn.PixelUnshuffle(2),
        *layer(4, 32, (3, 3), 1, (1, 1)),
        *layer(32, 48, (3, 3), 2, (1, 1)),
        *layer(48, 48, (3, 3), 1, (1, 1)),
        *layer(48, 64, (3, 3), 2, (1, 1)),
        *layer(64, 64, (3, 3), 2, (1, 1)),
        *layer(64, 80, (2, 3), 1, (0, 1)),
        *layer(80, 80, (1, 5), 1, (0, 2)),
        *layer(80, 80, (1, 3), 1, (0, 1)),
        nn.Conv2d(80, BLANK + 1, (1, 3), 1, (0, 1)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--ship", action="store_true")
    parser.add_argument("--steps", type=int, default=40_000)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--writers", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save-every", type=int, default=1000)
    options = parser.parse_args()
    if options.ship:
        ship(options.out / "checkpoint.pt")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    train(options)


def train(options: argparse.Namespace) -> None:
    steps, writers, save_every = options.steps, options.writers, options.save_every
    net = build_net()
    set_memory_format(net, torch.channels_last)
    average = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), options.rate, weight_decay=DECAY)
    step, seconds, path = 0, 0.0, options.out / "checkpoint.pt"
    if path.exists():
        state = torch.load(path)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        average, step, seconds = state["average"], state["step"], state["seconds"]
    began, losses = time.monotonic(), []
    for strips, texts, middles, widths in batches(writers, options.seed + step):
        if step >= steps:
            break
        if step == 0 and options.start:
            load_weights(net, read_web(options.start)[0], strips)
            average = {name: value.clone() for name, value in net.state_dict().items()}
        share = step / steps
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1, step / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * share))
        # Weights that can read need no alignment.
        aligned = 0.0 if options.start else max(0.0, 1 - share / ALIGNED)
        loss = line_loss(net, strips, texts, middles, widths, aligned)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        step += 1
        decay = min(AVERAGE, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, value in net.state_dict().items():
                if value.is_floating_point():
                    average[name].lerp_(value, 1 - decay)
                else:
                    average[name].copy_(value)
        losses.append(float(loss.detach()))
        if step % save_every == 0 or step == steps:
            seconds, began = seconds + time.monotonic() - began, time.monotonic()
            state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "average": average}
            state |= {"step": step, "steps": steps, "seconds": seconds}
            files.write_with(path, partial(torch.save, state))
            record = {"step": step, "loss": round(float(np.mean(losses)), 4), "seconds": round(seconds)}
            print(json.dumps(record), flush=True)
            losses = []


def load_weights(net: nn.Sequential, layers: list[InferenceLayer], strips: Tensor) -> None:
    """Gives the network the weights of an exported one. Batch norms were folded into convolutions: they become what
    changes nothing for the first lines, float32[N,1,32,W]."""
    weights = iter(layer for layer in layers if layer.weight is not None)
    values = strips
    net.eval()
    with torch.no_grad():
        for module in net:
            if isinstance(module, nn.Conv2d):
                layer = next(weights)
                module.weight.copy_(torch.from_numpy(layer.weight))
                bias = torch.from_numpy(layer.bias)
                if module.bias is not None:
                    module.bias.copy_(bias)
            elif isinstance(module, nn.BatchNorm2d):
                variance, mean = torch.var_mean(values, (0, 2, 3))
                module.running_mean, module.running_var = mean, variance
                module.weight.copy_((variance + module.eps).sqrt())
                module.bias.copy_(mean + bias)
            values = module(values)
    net.train()


def ship(checkpoint: Path) -> None:
    """Stores the averaged weights as `lines.onnx` and, for the web app, `lines.10fd`, with the same int8 numbers."""
    net = build_net()
    net.load_state_dict(torch.load(checkpoint, map_location="cpu")["average"])
    layers = line_layers(net.eval())
    path = shipped_line_model()
    for made in (write_onnx(layers, path, {}, bits=8), write_web(layers, path.with_suffix(".10fd"), {})):
        print(f"{made}: {made.stat().st_size:,} bytes")


def line_loss(
    net: nn.Module,
    strips: Tensor,
    texts: list[list[int]],
    middles: list[NDArray[np.float64]],
    widths: Tensor,
    aligned: float,
) -> Tensor:
    """CTC's loss a symbol, plus `aligned` times the cross-entropy of the columns at the symbols' middles."""
    with torch.autocast("cpu", torch.bfloat16, enabled=computes_in_bfloat16()):
        logits = net(strips)
    rows = logits.float().squeeze(2).permute(2, 0, 1).log_softmax(2)
    lengths = torch.tensor([len(text) for text in texts])
    targets = torch.tensor([symbol for text in texts for symbol in text])
    loss = functional.ctc_loss(rows, targets, widths, lengths, BLANK, reduction="sum", zero_infinity=True)
    loss = loss / lengths.sum()
    if aligned > 0:
        columns = torch.from_numpy(np.concatenate(middles) / COLUMN).long().clamp(0, len(rows) - 1)
        lines = torch.repeat_interleave(torch.arange(len(texts)), lengths)
        loss = loss - aligned * rows[columns, lines, targets].mean()
    return loss


def batches(
    writers: Path | None, seed: int
) -> Iterator[tuple[Tensor, list[list[int]], list[NDArray[np.float64]], Tensor]]:
    """Batches without end: strips float32[N,1,32,W], the symbols of each, their middles, and widths in columns."""
    with get_context("spawn").Pool(1, _load_glyphs, (writers,)) as pool:
        waiting = [pool.apply_async(_compose, (seed * 1000 + index,)) for index in range(2)]
        shuffle = np.random.default_rng(seed)
        index = 2
        while True:
            lines = waiting.pop(0).get()
            waiting.append(pool.apply_async(_compose, (seed * 1000 + index,)))
            index += 1
            lines = sorted(lines, key=lambda line: line[0].shape[1] * (1 + 0.1 * shuffle.random()))
            for start in shuffle.permutation(range(0, len(lines), BATCH)):
                yield _collate(lines[start : start + BATCH])


def _collate(
    lines: list[tuple[NDArray[np.uint8], list[int], NDArray[np.float64]]],
) -> tuple[Tensor, list[list[int]], list[NDArray[np.float64]], Tensor]:
    width = -(-max(line[0].shape[1] for line in lines) // 16) * 16
    strips = np.zeros((len(lines), 1, HEIGHT, width), np.float32)
    for row, (strip, _, _) in enumerate(lines):
        strips[row, 0, :, : strip.shape[1]] = strip
    widths = torch.tensor([-(-line[0].shape[1] // 16) * 16 // COLUMN for line in lines])
    return torch.from_numpy(strips) / 255, [line[1] for line in lines], [line[2] for line in lines], widths


_GLYPHS: Glyphs | None = None


def training_glyphs(writers: Path | None) -> Glyphs:
    data = load_dataset("mnist")
    keep = np.arange(len(data.train_images))
    if writers is not None:
        keep = writer_split(load_writers(writers), 0.1, 0)[0]
    return make_glyphs(data.train_images[keep], data.train_labels[keep], seed=1, drawn=25_000, rare=True)


def _load_glyphs(writers: Path | None) -> None:
    global _GLYPHS
    torch.set_num_threads(1)
    _GLYPHS = training_glyphs(writers)


def _compose(seed: int) -> list[tuple[NDArray[np.uint8], list[int], NDArray[np.float64]]]:
    assert _GLYPHS is not None
    generator = np.random.Generator(np.random.PCG64(seed))
    lines: list[tuple[NDArray[np.uint8], list[int], NDArray[np.float64]]] = []
    while len(lines) < CHUNK:
        line = write_line(_GLYPHS, generator)
        if line.ink.shape[1] > LONGEST:
            continue
        for _ in range(USES):
            ink = line.ink if generator.random() < CLEAN else degrade(line.ink, generator)
            lines.append((encode(ink), [SYMBOLS.index(symbol) for symbol in line.text], line.middles))
    return lines


if __name__ == "__main__":
    main()
