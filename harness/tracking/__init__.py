"""MLflow, written and read: the only package that imports it.

Importing this package is free; its modules import MLflow when they need it.
"""
