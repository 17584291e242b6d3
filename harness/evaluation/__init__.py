"""Evaluation: what a trained model is worth, on examples it never saw."""
