"""explain: why a model reads an image as it does. Needs no PyTorch."""

from dataclasses import replace

import numpy as np

from tenfold.data import Dataset, load_dataset
from tenfold.errors import check_kind
from tenfold.reading.explain import Explanation, explain_digit
from tenfold.reading.inputs import ImageLike, all_pixels
from tenfold.reading.reader import Reader
from tenfold.reading.reading import Reading
from tenfold.runs.run import Run


def explain(model: Reader | Run, image: ImageLike | Reading, data: Dataset | None = None) -> Explanation:
    """Explains why a model reads an image as it does: which ink counts, and which training images look most alike.

    image: of one digit, as `Reader.read` takes it, or a reading. data: whose training images it is compared with; MNIST
    for a Reader, and the run's own for a run. `Explanation.draw()` makes one picture of it. Raises `FormatError` for
    what is not an image.
    """
    if not isinstance(model, Reader):
        check_kind(model, Run, "Run.load")
    if isinstance(image, Reading):
        pixels = image.pixels
    else:
        pixels = model.read(image).pixels if isinstance(model, Reader) else all_pixels([image])[0][0]
    probabilities = model.probabilities if isinstance(model, Reader) else model.predict
    known = data or (load_dataset("mnist") if isinstance(model, Reader) else model.dataset)
    check_kind(known, Dataset, "load_dataset")
    digit = int(probabilities(pixels[None])[0].argmax())
    images, labels = np.asarray(known.train_images), np.asarray(known.train_labels)
    return replace(explain_digit(pixels, digit, probabilities, images, labels), class_names=known.class_names)
