"""Work on a Ray cluster: the same work as on one machine, in more hands."""
