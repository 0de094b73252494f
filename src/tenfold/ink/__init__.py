"""Ink of any kind -> 28x28, as MNIST was made."""
