"""Sweeps: which values of a recipe are the best, by validation images."""
