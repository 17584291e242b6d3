"""Which kernels are pruned, a scope a file."""
