"""Studies: comparisons of recipes over several seeds, and sweeps over the values of one recipe."""
