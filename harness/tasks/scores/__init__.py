"""How good a model is: accuracy, BLEU, and the search that BLEU scores."""
