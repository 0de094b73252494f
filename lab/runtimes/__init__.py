"""One trained network in every form that it can be deployed in: proven alike, then timed."""
