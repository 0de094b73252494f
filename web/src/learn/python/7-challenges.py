from tenfold import Dataset, Recipe, diagnose, load_dataset, train

mnist = load_dataset("mnist")
few = Dataset.from_arrays(mnist.train_images[:400], mnist.train_labels[:400])
run = train(Recipe.load("tutorial").replace(epochs=60), few, folder=None)
for finding in diagnose(run):
    print(finding.fault, finding.evidence)
