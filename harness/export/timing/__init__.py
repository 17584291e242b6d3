"""How long files take to run, each in a process of its own."""
