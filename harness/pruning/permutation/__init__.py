"""Reordering channels so that N:M keeps more."""
