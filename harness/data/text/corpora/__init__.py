"""Sentences: read, split, put into words of a vocabulary and into batches."""
