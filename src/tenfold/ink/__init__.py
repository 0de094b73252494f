"""Ink of any kind -> 28x28, as MNIST was made."""

# Height and width of every digit image. Defined here because nothing is below this package and it imports nothing.
SIDE = 28
