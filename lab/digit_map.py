"""The map of the web app's Learn view: the place of each MNIST test image, and how the Reader reads it.

python -m lab.digit_map

Images that the Reader sees alike lie close together: t-SNE (van der Maaten and Hinton 2008, "Visualizing data using
t-SNE") of the 192 features that its classifier takes, scaled to length 1. Of a point's ten nearest points, 99.3 % have
its label; 99.3 % on a map of the logits, whose classes lie closer together (silhouette 0.62, not 0.64), and 94.7 % on
one of blurred pixels. Takes two minutes.

`web/public/learn/map.bin` is zlib's, in the order of MNIST's test set: x and y, uint16 little-endian each, 0 to 4095, y
down; answers, uint8; confidences, uint8, 255 times the probability of the answer; and sizes, uint8, to compare by:
the Euclidean length of the pixels, 0 to 255, blurred by a Gaussian of one pixel, is 600 + 12.5 size.
"""

import argparse
import os
import zlib

# t-SNE adds up in another order on more threads.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import onnx
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.manifold import TSNE

from lab import ROOT
from tenfold import load_dataset
from tenfold.files import write_bytes
from tenfold.onnx_runtime import onnxruntime
from tenfold.reading.model_file import BATCH
from tenfold.reading.reader import shipped_model

MAP = ROOT / "web" / "public" / "learn" / "map.bin"
PLACES = 4096
SEED = 0
# Of the lengths of blurred images: just below the least one, and what a byte counts.
SMALLEST, STEP = 600, 12.5


def features_and_probabilities(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """images: uint8[N,28,28] -> float32[N,192], what the Reader's classifier takes, and float32[N,10]."""
    model = onnx.load(str(shipped_model()))
    features = next(node.output[0] for node in model.graph.node if node.op_type == "Flatten")
    model.graph.output.append(onnx.helper.make_tensor_value_info(features, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    parts = [
        session.run([features, "probabilities"], {"images": images[start : start + BATCH]})
        for start in range(0, len(images), BATCH)
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def draw_map(features: NDArray[np.float32]) -> NDArray[np.uint16]:
    """float32[N,D] -> x and y, [2,N], the longer side of the map from 0 to 4095."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    places = TSNE(init="pca", random_state=SEED, n_jobs=1).fit_transform(features / lengths)
    low, size = places.min(0), np.ptp(places, 0)
    middle = (1 - size / size.max()) / 2
    return np.asarray(np.rint(((places - low) / size.max() + middle) * (PLACES - 1)).astype("<u2").T)


def blurred_sizes(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8[N,28,28] -> uint8[N]."""
    blurred = ndimage.gaussian_filter(images.astype(np.float32), (0, 1, 1))
    lengths = np.linalg.norm(blurred.reshape(len(images), -1), axis=1)
    return np.asarray(np.rint((lengths - SMALLEST) / STEP).astype(np.uint8))


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    data = load_dataset("mnist")
    features, probabilities = features_and_probabilities(data.test_images)
    answers = probabilities.argmax(1).astype(np.uint8)
    confidences = np.rint(255 * probabilities.max(1)).astype(np.uint8)
    columns = (draw_map(features), answers, confidences, blurred_sizes(data.test_images))
    packed = zlib.compress(b"".join(column.tobytes() for column in columns), 9)
    write_bytes(MAP, packed)
    print(f"{MAP}: {len(packed):,} bytes; {np.mean(answers == data.test_labels):.2%} of the answers are right")


if __name__ == "__main__":
    main()
