"""What the operating system gives this process: its terminal, its cores."""
