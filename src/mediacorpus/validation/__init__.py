"""Whether a classifier can be trusted."""
