"""Trainings of MNIST by other people's code, for lab.benchmarks.time_to_accuracy: `python -m lab.peers.NAME`."""
