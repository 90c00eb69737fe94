"""`python -m mlpo_bench` is `mlpo-bench`."""

from mlpo_bench.cli import main


if __name__ == "__main__":
    main()
