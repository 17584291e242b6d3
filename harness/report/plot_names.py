"""What the plots of a table are called: by who draws them, shows them and clears old ones away."""

import re

#: What quality is drawn against.
COSTS = ("sparsity", "bytes", "best_bytes", "latency")
LAYERS = "layer_sparsity"
SCHEDULE = "sparsity_schedule"
_PLOT = re.compile(rf"\w+_vs_({'|'.join(COSTS)})|{LAYERS}(_\w+)?|{SCHEDULE}")


def against(cost: str, quality: str = "") -> str:
    """The name of the plot of a quality against one of `COSTS`; how it ends, without a quality."""
    if cost not in COSTS:
        raise ValueError(f"received a plot against {cost!r}; accepted: {', '.join(COSTS)}")
    return f"{quality}_vs_{cost}"


def is_plot(name: str) -> bool:
    """Whether a table may have a plot of this name, which has neither its table's nor an ending."""
    return _PLOT.fullmatch(name) is not None
