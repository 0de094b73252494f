from tenfold import Recipe
from tenfold.models import build_model

recipe = Recipe.load("tutorial").replace(hidden=(128, 64))
print(build_model(recipe.model))
