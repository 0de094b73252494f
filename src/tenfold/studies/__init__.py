"""Recipes side by side: several seeds of each, in turn, and what can be said of the differences."""
