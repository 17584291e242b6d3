"""Sparsity research harness: configs describe cells, cells become MLflow runs, runs become tables.

Importing this package is free: TensorFlow, MLflow and Hydra are imported only by
the stages that use them.
"""

__version__ = "0.1.0"
