"""ONNX Runtime on the CPU, of a file with float32 or with int8 weights."""

from pathlib import Path

from lab.runtimes.runtime_protocol import Answers, Images
from tenfold.onnx_runtime import onnxruntime


class ONNXRuntime:
    """As `tenfold.reading.model_file.ModelFile` opens a file, but for the number of threads."""

    def __init__(self, file: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Int8 weights become floats once, here, and not in each call.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def answer(self, images: Images) -> Answers:
        rows: Answers = self.session.run(["probabilities"], {"images": images})[0]
        return rows
