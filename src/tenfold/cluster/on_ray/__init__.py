"""The same on a Ray cluster: a way to it, trainings as tasks, bulk reading by actors, one training by many nodes."""
