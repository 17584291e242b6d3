"""Training: recipes, seeds, strategies, and a loop that survives being killed.

Importing this package imports nothing heavy; `recipe.check` and `strategy.check` judge a
config without TensorFlow.
"""
