"""What people say: labels, gold, splits."""
