"""Which weights may be zero together, a pattern a file."""
