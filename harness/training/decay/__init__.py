"""How the learning rate falls over a phase, one way a file."""
