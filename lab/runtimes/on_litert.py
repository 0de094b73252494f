"""LiteRT, which was TensorFlow Lite: its interpreter with XNNPACK."""

from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from lab.runtimes.runtime_protocol import Answers, Images


def convert(folder: Path) -> dict[str, str]:
    """Writes `model.tflite` from the inference graph; only this needs TensorFlow."""
    from lab.runtimes.network_file import read_layers
    from lab.runtimes.tensorflow_graph import write_tflite

    write_tflite(read_layers(folder / "model.safetensors"), folder / "model.tflite")
    return {}


class LiteRT:
    """Its tensors have a fixed size: another number of images reallocates them."""

    def __init__(self, file: Path, threads: int) -> None:
        self.interpreter = Interpreter(str(file), num_threads=threads)
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]
        self.count = 0

    def answer(self, images: Images) -> Answers:
        if len(images) != self.count:
            self.interpreter.resize_tensor_input(self.input, images.shape)
            self.interpreter.allocate_tensors()
            self.count = len(images)
        self.interpreter.set_tensor(self.input, images)
        self.interpreter.invoke()
        rows: Answers = self.interpreter.get_tensor(self.output)
        return rows
