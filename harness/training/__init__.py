"""Training: recipes, seeds, strategies, and a loop that survives being killed."""
