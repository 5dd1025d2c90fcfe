"""Statistics: arrays in, numbers with their intervals out."""
