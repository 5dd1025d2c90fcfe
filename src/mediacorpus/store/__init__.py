"""The one door to all rows: the catalogue, the tables, and SQL over both."""
