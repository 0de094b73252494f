"""Kinds of sources: each tells the units of a file without reading it all, and reads a unit chunk by chunk."""
