"""Sparse training methods, each a file on the axes of `harness.pruning`."""
