"""Things from outside: a model, a data set, a pattern and a score for sparsity-harness."""
