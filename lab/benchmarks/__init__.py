"""Benchmarks whose figures the documentation cites: `python -m lab.benchmarks.NAME`. Run them on a quiet machine."""
