"""Leader-and-peers protocols, their rivals and their cost, on BBH, MMLU and MATH."""

from importlib.metadata import PackageNotFoundError, version


try:
    __version__ = version("mlpo-bench")
except PackageNotFoundError:  # a checkout on the path, never installed
    __version__ = "0+unknown"
