"""Fine-tune a model on your own digits, and measure it before and after.

Install: pip install 'tenfold[train]'
Run:     python finetune.py SAMPLES
SAMPLES holds a folder for each digit (0 to 9) with images of it, or what `tenfold feedback export` wrote.
"""

import sys

from tenfold import Reader, Recipe, Run, evaluate, export, finetuning_recipe, load_dataset, train

folder = sys.argv[1]
samples = load_dataset(folder)  # a seventh of the images is held out: samples.test_images, uint8[N,28,28]


def report(name: str, run: Run) -> None:
    right = run.predict(samples.test_images).argmax(1) == samples.test_labels
    on_mnist = evaluate(run).accuracy
    print(f"{name}: {100 * right.mean():.1f} % of {len(right)} held-out samples, {100 * on_mnist:.2f} % of MNIST")


before = train(Recipe.load("sprint"))
report("before", before)

# A short training at a lower rate, on MNIST and the samples, keeps what was learned.
after = train(finetuning_recipe(before, folder))
report("after", after)

# For a calibrated confidence train with validation=0.1, and calibrate the run before its export.
model = export(after, "onnx")
reader = Reader(model.path)
print(f"{model.path}: reads the first held-out sample as {reader.read(samples.test_images[0]).digit}")
