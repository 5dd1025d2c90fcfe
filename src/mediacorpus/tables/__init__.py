"""The tables: what was measured, in Parquet parts."""
