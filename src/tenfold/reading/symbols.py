"""The symbols of a line of writing, and their places in what the line reader's network gives."""

# In the order of the network's classes. Where one way of typing a mark has several, it is written as here.
DIGITS = "0123456789"
MARKS = ".,-/:+×÷=%()"
# Anything else that is written: letters, words, signatures, doodles.
OTHER = "?"
SYMBOLS = DIGITS + MARKS + OTHER
# The class of the columns between symbols, after all of them: the blank of CTC (Graves et al. 2006).
BLANK = len(SYMBOLS)
