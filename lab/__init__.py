"""How well real ink is read, and how fast."""
