"""What a cell's process needs, imported once by the fork server.

TensorFlow writes remarks about the machine to standard error while it is imported, which
no setting turns off; users asked for a cell, so they are kept off the terminal.
"""

import harness.tracking  # its settings come before MLflow
from harness.system.quiet import captured

with captured():
    import keras
    import tensorflow

    import harness.data.base
    import harness.export.keras_file
    import harness.export.tflite
    import harness.models.layers.plain
    import harness.plots.preload
    import harness.pruning.pruner
    import harness.tasks.classification
    import harness.tracking.preload
    import harness.training.loop
    import harness.training.strategy

__all__ = ["harness", "keras", "tensorflow"]
