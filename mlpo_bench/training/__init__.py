"""Training a leader: recipes, the data that a leader learns from, and the only room that imports TRL."""
