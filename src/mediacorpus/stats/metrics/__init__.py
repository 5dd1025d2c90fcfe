"""Metrics, one idea per file: importing this package registers all of them.

A new metric is one file here, or in another package under the entry point
`mediacorpus.metrics`; nothing else lists metrics.
"""

import importlib
import pkgutil

for _found in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_found.name}")
