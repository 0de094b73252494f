from tenfold import Recipe, train

recipe = Recipe.load("tutorial").replace(epochs=3, dropout=0.2, rotation=10, shift=2)
run = train(recipe, folder=None)
print(run.training.train_accuracy, run.training.validation_accuracy)
