"""What Python code gets to see of a run: `mlpo_bench` itself names it all."""
