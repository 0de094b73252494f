"""What predictions are worth: measures, calibration, and what to do about faults."""
