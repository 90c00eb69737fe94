"""Decoding in this process: which requests are read next, the batch that they join and leave, and its cache."""
