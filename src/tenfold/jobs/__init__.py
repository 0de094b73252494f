"""Work that outgrows one process: many trainings at once, on this machine's cores, on several machines, or on Ray."""
