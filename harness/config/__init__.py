"""Configs: the typed schema, composing and validating a cell, and its identity."""
