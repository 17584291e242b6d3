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

from harness.pruning.allocation import ERK, Allocation, Global, Uniform
from harness.pruning.channels import Channels
from harness.pruning.errors import PruningError, PruningWarning
from harness.pruning.kernels import Kernel, kernels_of, register
from harness.pruning.latency import XNNPACKLatency
from harness.pruning.method import Method
from harness.pruning.methods import (
    SRSTE,
    GradualNM,
    Movement,
    PermutationReport,
    PermutedGroup,
    RewoundLearningRate,
    RigL,
    StraightThrough,
    permute_channels,
    rewind,
    search_permutation,
)
from harness.pruning.pattern import NM, Block, MisfitError, Pattern, Unstructured
from harness.pruning.pruner import Pruner
from harness.pruning.schedule import (
    Constant,
    Cosine,
    Frozen,
    OneShot,
    Piecewise,
    Polynomial,
    Schedule,
)
from harness.pruning.scope import AllButFirstAndLast, AllKernels, ByName, ByType, Scope
from harness.pruning.score import Magnitude, Random, Score, Taylor
from harness.pruning.summary import LayerSummary, Summary

__all__ = [
    "ERK",
    "NM",
    "SRSTE",
    "AllButFirstAndLast",
    "AllKernels",
    "Allocation",
    "Block",
    "ByName",
    "ByType",
    "Channels",
    "Constant",
    "Cosine",
    "Frozen",
    "Global",
    "GradualNM",
    "Kernel",
    "LayerSummary",
    "Magnitude",
    "Method",
    "MisfitError",
    "Movement",
    "OneShot",
    "Pattern",
    "PermutationReport",
    "PermutedGroup",
    "Piecewise",
    "Polynomial",
    "Pruner",
    "PruningError",
    "PruningWarning",
    "Random",
    "RewoundLearningRate",
    "RigL",
    "Schedule",
    "Scope",
    "Score",
    "StraightThrough",
    "Summary",
    "Taylor",
    "Uniform",
    "Unstructured",
    "XNNPACKLatency",
    "kernels_of",
    "permute_channels",
    "register",
    "rewind",
    "search_permutation",
]
