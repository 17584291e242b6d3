"""The layers that models are made of, and what is done with built ones."""
