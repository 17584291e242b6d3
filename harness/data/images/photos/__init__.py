"""Photographs, read, cropped and coloured batch by batch."""
