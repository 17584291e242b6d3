"""Sparse training methods, each a file on the axes of `harness.pruning`."""

from harness.pruning.methods.gradual_nm import GradualNM
from harness.pruning.methods.movement import Movement
from harness.pruning.methods.permutation import PermutationReport, PermutedGroup, permute_channels
from harness.pruning.methods.permutation_search import search_permutation
from harness.pruning.methods.rewinding import RewoundLearningRate, rewind
from harness.pruning.methods.rigl import RigL
from harness.pruning.methods.sr_ste import SRSTE
from harness.pruning.methods.straight_through import StraightThrough

__all__ = [
    "SRSTE",
    "GradualNM",
    "Movement",
    "PermutationReport",
    "PermutedGroup",
    "RewoundLearningRate",
    "RigL",
    "StraightThrough",
    "permute_channels",
    "rewind",
    "search_permutation",
]
