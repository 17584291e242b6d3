"""The pruning library stands on its own: no MLflow, no Hydra, no other room of the house."""

import pkgutil

import harness
from tests.settings import python

#: What the library may use of the house: itself, and what every room stands on.
ITS_OWN = {"pruning", "options", "errors", "digest", "quiet", "metrics"}
OTHERS = {module.name for module in pkgutil.iter_modules(harness.__path__)} - ITS_OWN

CODE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"mlflow", "hydra", "omegaconf"} or name in others:
            raise ImportError(f"{name} is blocked")

others = %r
sys.meta_path.insert(0, Blocked())
import harness.pruning as pruning
for name in pruning.__all__:
    getattr(pruning, name)
import keras, numpy as np
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
model.compile("sgd", "mse")
pruner = pruning.Pruner(pruning.Unstructured(), pruning.OneShot(0.5)).attach(model)
model.fit(np.zeros((4, 8)), np.zeros((4, 4)), verbose=0, callbacks=[pruner.callback()])
print(pruner.summary().sparsity)
"""


def test_it_prunes_with_everything_else_blocked():
    assert {"config", "tracking", "training", "data"} <= OTHERS
    blocked = {f"harness.{name}" for name in OTHERS}
    assert python(CODE % (blocked,)).split()[-1] == "0.5"


def test_asking_for_a_name_that_it_has_not_is_an_attribute_error():
    import harness.pruning as pruning

    assert "Pruner" in dir(pruning)
    assert not hasattr(pruning, "Prunner")
