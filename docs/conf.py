"""Sphinx: Markdown (MyST), warnings are errors (scripts/docs.sh)."""

project = "nova-consent"
copyright = "the nova-consent contributors"  # noqa: A001  Sphinx's name
extensions = ["myst_parser", "oslo_config.sphinxext"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "nova-consent"
nitpicky = True
