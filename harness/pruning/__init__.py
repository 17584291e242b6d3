"""Pruning for Keras 3: exact, in the training graph, without wrapping a layer.

A pruner is five independent axes (pattern, schedule, score, allocation, scope) and,
optionally, a sparse training method:

    >>> from harness.pruning import Polynomial, Pruner, Unstructured
    >>> pruner = Pruner(Unstructured(), Polynomial(0.5, 0.9, begin_step=0, end_step=4000))
    >>> pruner.attach(model)
    >>> model.fit(x, y, callbacks=[pruner.callback()])
    >>> print(pruner.summary())
    >>> pruner.detach(model)
"""

import lazy_loader

# What __init__.pyi lists, imported when asked for: a config's options are read from this package
# while TensorFlow may not be imported yet.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
