"""How much each weight is worth, a score a file."""
