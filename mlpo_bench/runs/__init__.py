"""Carrying out a run: a matrix through engines and lm-eval, taken up again where it was left."""
