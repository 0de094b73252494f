from tenfold import Recipe, evaluate, train

run = train(Recipe.load("sprint"), folder=None)
print(evaluate(run).accuracy, run.training.seconds)
