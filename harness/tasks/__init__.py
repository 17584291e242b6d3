"""Tasks: what a cell's stages are about, by what its model takes.

Classifying images, words or texts is one task, translating another. A task says how the
model is built for the data, what training minimizes, what the test is, and on which inputs
exported files are compared. It is one file of this folder (`harness.tasks.base`).
"""

from harness.tasks.base import EXPORT_SAMPLES, TASKS, Scores, Table, Task, of, quality

__all__ = ["EXPORT_SAMPLES", "TASKS", "Scores", "Table", "Task", "of", "quality"]
