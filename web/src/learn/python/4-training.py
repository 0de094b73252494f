from tenfold import Recipe, train

recipe = Recipe.load("tutorial").replace(epochs=3)
run = train(recipe, folder=None)
print(run.history.validation_accuracy)
