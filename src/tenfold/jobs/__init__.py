"""Jobs on one pool interface: one after another in this process, in local processes, or on a Ray cluster."""
