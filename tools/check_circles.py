"""Check that no modules import one another in a circle, not even for types only."""

from __future__ import annotations

import sys
from graphlib import CycleError, TopologicalSorter

import grimp


def circle() -> list[str]:
    """Give the modules of one circle of imports, or nothing."""
    graph = grimp.build_graph("mediacorpus")
    # A package re-exports what its modules define; that is how it is meant to be read.
    arrows = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def main() -> int:
    """Print a circle; 1 if there is one."""
    found = circle()
    print(" imports ".join(reversed(found)) if found else "no circle of imports")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
