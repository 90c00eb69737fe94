"""Leader-and-peers protocols, their rivals and their cost, on BBH, MMLU and MATH."""


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Reading the metadata takes a sixth of the time that `--help` may take.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mlpo-bench")
    except PackageNotFoundError:  # a checkout on the path, never installed
        return "0+unknown"
