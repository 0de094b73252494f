// The symbols of a line of writing, in the order of the network's classes: tenfold/reading/symbols.py.

export const DIGITS = "0123456789";
// Anything else that is written: letters, words, doodles.
export const OTHER = "?";
export const SYMBOLS = `${DIGITS}.,-/:+×÷=%()${OTHER}`;
// The class of the columns between symbols.
export const BLANK = SYMBOLS.length;
export const CLASSES = BLANK + 1;
