"""Train a model, and run its ONNX file in OpenCV instead of ONNX Runtime: the probabilities agree.

Install: pip install 'tenfold[train]' 'opencv-python>=5'
Run:     python other_runtime.py
The file takes images uint8[N,28,28], 0 paper to 255 ink, and gives `logits` and `probabilities`, float32[N,10].
"""

import cv2
import numpy as np

from tenfold import Recipe, load_dataset, train

data = load_dataset("mnist")
run = train(Recipe.load("sprint"), data)
file = run.path / "model.onnx"
images = data.test_images[:1000]

network = cv2.dnn.readNetFromONNX(str(file))
network.setInput(np.array(images), "images")
found = network.forward("probabilities")  # float32[1000,10]

expected = run.predict(images)  # by ONNX Runtime
difference = np.abs(found - expected).max()
accuracy = (found.argmax(1) == data.test_labels[:1000]).mean()
print(f"{file}: probabilities differ by at most {difference:.1e}; OpenCV reads {100 * accuracy:.1f} % correctly")
assert difference < 1e-4
