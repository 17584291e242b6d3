"""How masks change over training, a method a file."""
