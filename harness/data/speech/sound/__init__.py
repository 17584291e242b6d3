"""Recordings, clips, and how they are varied."""
