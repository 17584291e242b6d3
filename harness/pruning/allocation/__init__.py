"""How sparsity is shared out among weights, an allocation a file."""
