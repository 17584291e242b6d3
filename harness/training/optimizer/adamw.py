"""AdamW, https://arxiv.org/abs/1711.05101."""

from dataclasses import dataclass

from harness.options import choice
from harness.training.optimizer.adam import AdamOptions


@choice
@dataclass
class AdamWOptions(AdamOptions):
    """Adam with decoupled weight decay, Keras' default of it unless said otherwise."""

    name: str = "adamw"
    weight_decay: float | None = 0.004
