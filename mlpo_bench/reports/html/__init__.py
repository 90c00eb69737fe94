"""A run as one HTML file that needs no network: figures, plots, and every conversation to browse."""

from mlpo_bench.reports.html.assemble import page, write_page


__all__ = ["page", "write_page"]
