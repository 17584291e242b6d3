"""Data sets of spoken words."""
