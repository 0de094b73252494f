"""PyTorch: the module itself, eager and compiled."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from lab.runtimes.network_file import read_deployed
from lab.runtimes.runtime_protocol import Answers, Images
from lab.worker import MissingToolError


class Torch:
    """The deployed module, from its safetensors file."""

    def __init__(self, file: Path, threads: int) -> None:
        torch.set_num_threads(threads)
        # For convolutions on a CPU, channels last is the quicker layout.
        module: nn.Module = read_deployed(file)
        self.module: Callable[[Tensor], Tensor] = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

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
