"""Many cells: the file that names them, the plan, the processes, the table."""
