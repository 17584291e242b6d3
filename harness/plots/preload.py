"""What a process that draws many plots needs, imported once by the server that it is a fork of."""

import matplotlib.backends.backend_agg
import matplotlib.backends.backend_svg
import matplotlib.figure

from harness.plots import curves, figure, layers, quality, schedule, trade

__all__ = ["curves", "figure", "layers", "matplotlib", "quality", "schedule", "trade"]
