"""Other people's code: trainings of MNIST for lab.benchmarks.time_to_accuracy, run as `python -m lab.peers.NAME`; in
`number_peers` readers of numbers, for lab.numbers."""
