"""Measures: items to rows, one file per measure.

Importing this package registers the measures on board; it loads no network.
"""

from mediacorpus.measures import embedding, facts, tags

__all__ = ["embedding", "facts", "tags"]
