"""When masks are refreshed and how sparse they are then, a schedule a file."""
