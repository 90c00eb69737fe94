"""What the files of a run say: rows for statistics, rounds as leaders read them, and what leaders made of them."""
