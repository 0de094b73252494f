"""Photos, scans and forms: where writing is, at which angle, and in which lines."""
