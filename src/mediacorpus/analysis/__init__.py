"""The tidy table."""
