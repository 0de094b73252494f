from tenfold import Recipe, evaluate, train

run = train(Recipe.load("sprint"), folder=None)
found = evaluate(run)
print(found.accuracy, found.confusion)
