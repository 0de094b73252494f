"""A run: one recipe trained once, as a folder. Made by `train`, measured by `evaluate`, read by everything above."""
