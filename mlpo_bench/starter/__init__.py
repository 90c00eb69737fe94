"""A team file and a matrix to begin with, made of what is on this machine and what a person says."""
