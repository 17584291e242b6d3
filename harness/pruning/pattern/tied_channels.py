"""Whole channels of the network, with all that holds them: what `shrink` can take out."""

from __future__ import annotations

from dataclasses import dataclass

from harness.options import choice
from harness.pruning.pattern.channels import Channels, ChannelsOptions


@choice
@dataclass
class TiedChannelsOptions(ChannelsOptions):
    """Channels die in every branch together; a unit of sparsity is a channel of the network."""

    kind: str = "tied_channels"

    @property
    def label(self) -> str:
        """Tables need not say what they are tied to."""
        return "channels"

    def pattern(self) -> TiedChannels:
        """The pattern."""
        return TiedChannels(self.pooling)


class TiedChannels(Channels):
    """Whole channels, of which nothing is left: filters, units, units of an LSTM.

    Channels that residual additions make one die together, and with a channel its bias, its
    scale and shift in batch normalizations, its depthwise filter and all four gates of an LSTM's
    unit. Its output is then exactly zero, so that `harness.pruning.shrink` can take it out.
    Channels of the model's outputs, and those that a layer of another kind mixes, stay. Which
    are tied is told by the model's graph, which has to be Functional or Sequential.

    A channel's score is the mean (or the maximum) over its kernels of the mean (maximum) of the
    weights' scores. Sources: Li et al. (https://arxiv.org/abs/1608.08710), section 3; tied
    branches as in its section 3.3, but judged by all of them.

    Args:
        pooling: "average" or "max".
    """

    tied = True

    def __repr__(self) -> str:
        return f"TiedChannels(pooling={self.pooling!r})"
