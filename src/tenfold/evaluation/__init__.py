"""Evaluation: metrics, calibration, statistics over seeds, and diagnosis of training problems."""
