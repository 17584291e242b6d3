"""What runs a sweep's cells past this process: one engine a file."""
