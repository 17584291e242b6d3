"""One cell: its ids and paths, running it, looking at it before anything is spent."""
