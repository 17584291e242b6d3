"""Data sets of texts and of translations."""
