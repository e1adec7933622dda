"""Sphinx: `nox -s docs`."""

import bench

project = "ortbench"
release = version = bench.__version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "ortbench"
myst_heading_anchors = 2
