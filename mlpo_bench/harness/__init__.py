"""The only room that imports lm-eval: its tasks, filters and metrics, and the team as one of its models."""
