"""The recipe `sprint` as plain PyTorch: 99.2 % of MNIST's test images after one epoch, in two seconds.

Install: pip install 'tenfold[train]'
Run:     python sprint.py [SEED]
"""

import sys
import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from tenfold import load_dataset

BATCH, PEAK, WARMUP = 256, 0.02, 0.2
BFLOAT16 = False  # True is faster on processors with AVX-512 BF16 or AMX, and much slower on others

torch.manual_seed(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
torch.set_flush_denormal(True)
data = load_dataset("mnist")


def prepare(images: NDArray[np.uint8]) -> torch.Tensor:  # uint8[N,28,28] -> float32[N,4,12,12]
    center = torch.tensor(images)[:, None, 2:26, 2:26] / 255  # the border is paper: [N,1,24,24]
    return functional.pixel_unshuffle((center - 0.1307) / 0.3081, 2).contiguous(memory_format=torch.channels_last)


images, labels = prepare(data.train_images), torch.tensor(data.train_labels).long()
network = nn.Sequential(  # [N,4,12,12]
    nn.Conv2d(4, 32, 3, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU(),  # [N,32,5,5]
    nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(),  # [N,64*3*3]
    nn.Linear(576, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(),
    nn.Linear(128, 10),
)  # fmt: skip
optimizer = torch.optim.Adam(network.parameters(), lr=PEAK, betas=(0.7, 0.9), fused=True)
precision = torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16)

started = time.perf_counter()
batches = torch.randperm(len(images)).split(BATCH)
for step, rows in enumerate(batches):
    # One cycle: up to the peak in a fifth of the steps, then down to zero.
    progress = (step + 0.5) / len(batches)
    rate = 0.04 + 0.96 * progress / WARMUP if progress < WARMUP else (1 - progress) / (1 - WARMUP)
    optimizer.param_groups[0]["lr"] = PEAK * rate
    with precision:
        logits = network(images[rows])  # [256,10]
    loss = functional.cross_entropy(logits.float(), labels[rows], label_smoothing=0.1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
seconds = time.perf_counter() - started

network.eval()
with torch.inference_mode(), precision:
    predicted = network(prepare(data.test_images)).argmax(1)  # [10000]
accuracy = (predicted == torch.tensor(data.test_labels)).float().mean()
print(f"{100 * accuracy:.2f} % of 10,000 test images, {seconds:.1f} s of training")
