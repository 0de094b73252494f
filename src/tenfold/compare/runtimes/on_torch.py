"""PyTorch: the module itself, operation by operation; and compiled."""

import os
import shutil
from pathlib import Path

import torch

from tenfold.compare.runtimes.protocol import Answers, Images
from tenfold.errors import MissingToolError


class Torch:
    """A module that was stored whole, so that the runtime needs no more than the file and the classes in it."""

    def __init__(self, file: Path, threads: int) -> None:
        torch.set_num_threads(threads)
        # For convolutions on a CPU, channels last is the quicker layout.
        self.module = torch.load(file, weights_only=False).eval().to(memory_format=torch.channels_last)

    def answer(self, images: Images) -> Answers:
        with torch.inference_mode():
            rows: Answers = self.module(torch.from_numpy(images)).numpy()
        return rows


class CompiledTorch(Torch):
    """Through TorchInductor, which writes C++ for one image and again for several."""

    def __init__(self, file: Path, threads: int) -> None:
        compiler = os.environ.get("CXX", "g++")
        if shutil.which(compiler) is None:
            raise MissingToolError("torch.compile", f"a C++ compiler ({compiler})", "apt install g++, or set CXX")
        # One compiling process: everything else here runs on the same cores.
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
        super().__init__(file, threads)
        self.module = torch.compile(self.module)
