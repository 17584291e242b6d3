"""Plots: each a `draw(axes, frame)`, for a notebook as for a run's page and a report.

    frame = pandas.read_csv("results/demo/table.csv", na_values=["n/a", "not run"])
    quality.draw(axes, frame)

`harness.plots.figure.render` draws them off screen, the same bytes for the same numbers.
Matplotlib takes long to import: what draws does so as it draws.
"""

#: What the server of forks imports for processes that draw, before its first fork.
PRELOAD = ("harness.plots.preload",)
