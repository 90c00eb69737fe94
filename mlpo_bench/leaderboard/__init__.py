"""The published leaderboard: an entry for each row, ranks that a paired test supports, and tables made from them."""
