"""What is to be compared: a configuration, its sweeps, and the cells that they come to."""
