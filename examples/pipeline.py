"""Tenfold's networks as a scikit-learn estimator: in a Pipeline, and with the recipe chosen by GridSearchCV.

Install: pip install 'tenfold[train]'
Run:     python pipeline.py
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from tenfold import TenfoldClassifier, load_dataset

data = load_dataset("mnist")
# As a scanner gives them: dark ink on white paper, a row of 784 pixels from 0 to 255 for each image.
scans = 255 - data.train_images[:3000].reshape(-1, 784)  # uint8[3000,784]
labels = data.train_labels[:3000]
test_scans = 255 - data.test_images.reshape(-1, 784)  # uint8[10000,784]


def invert(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return 255 - images


pipeline = Pipeline(
    [
        ("invert", FunctionTransformer(invert)),
        ("classifier", TenfoldClassifier(random_state=0)),
    ]
)
pipeline.fit(scans, labels)
print(f"{100 * pipeline.score(test_scans, data.test_labels):.1f} % of {len(test_scans)} test images")

search = GridSearchCV(pipeline, {"classifier__recipe": ["tutorial", "sprint"]}, cv=2)
search.fit(scans, labels)
print(f"best: {search.best_params_}, {100 * search.best_score_:.1f} % in cross-validation")
