"""Trained models in forms that run elsewhere. Each export proves that it agrees with its source before it is kept."""
