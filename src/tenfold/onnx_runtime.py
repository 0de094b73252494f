"""ONNX Runtime without its telemetry: `from tenfold.onnx_runtime import onnxruntime`.

Builds from 1.29 on send events to their maker unless this variable is set before the first import; they also keep an
identifier of the machine and a queue of events in the user's cache. The choice holds for the whole process.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

# Windows has a switch of its own.
onnxruntime.disable_telemetry_events()

__all__ = ["onnxruntime"]
