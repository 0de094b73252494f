"""Feedback: digits that people labeled, stored in a database and exported as a dataset for fine-tuning."""

from tenfold.serve.feedback.sample_store import FeedbackStore
from tenfold.serve.schemas import FeedbackSample

__all__ = ["FeedbackSample", "FeedbackStore"]
