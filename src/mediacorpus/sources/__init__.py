"""Where media come from."""
