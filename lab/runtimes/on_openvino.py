"""OpenVINO on the CPU, of its own pair of files."""

from pathlib import Path

import openvino as ov

from lab.runtimes.runtime_protocol import Answers, Images


def convert(folder: Path) -> dict[str, str]:
    """Writes `model.xml` and `model.bin` from `model.onnx`; in float32, where its own default is float16."""
    ov.save_model(ov.Core().read_model(folder / "model.onnx"), folder / "model.xml", compress_to_fp16=False)
    return {}


class OpenVINO:
    """Asked for the least latency, which is one stream of all threads."""

    def __init__(self, file: Path, threads: int) -> None:
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            # On a CPU that has bfloat16 it would compute in that, and its answers would be others.
            "INFERENCE_PRECISION_HINT": "f32",
            # The process is pinned already.
            "ENABLE_CPU_PINNING": False,
        }
        self.model = ov.Core().compile_model(file, "CPU", settings)
        self.request = self.model.create_infer_request()

    def answer(self, images: Images) -> Answers:
        rows: Answers = self.request.infer({"images": images})["probabilities"]
        return rows
