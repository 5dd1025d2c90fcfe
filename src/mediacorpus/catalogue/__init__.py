"""The catalogue: what a corpus holds, in SQLite."""
