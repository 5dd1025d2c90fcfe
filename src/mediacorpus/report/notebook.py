"""How a corpus shows itself in a notebook."""

from __future__ import annotations

from html import escape

from mediacorpus.analysis.overview import overview
from mediacorpus.report.pictures import gallery
from mediacorpus.store.store import Store

__all__ = ["corpus_html", "gallery"]

SHOWN = 12


def corpus_html(store: Store) -> str:
    """Give the counts of a corpus and some of its images as HTML."""
    facts = overview(store)
    rows = [
        ("items", f"{facts.items:,}"),
        ("records", f"{facts.records:,}"),
        ("failures", f"{facts.failures:,}"),
        ("size", f"{facts.bytes / 1e6:,.1f} MB"),
        ("measured", ", ".join(f"{name} ({n:,})" for name, n in facts.measures.items()) or "none"),
        ("labelled", ", ".join(f"{name} ({n:,})" for name, n in facts.variables.items()) or "none"),
    ]
    cells = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows)
    pictures = gallery(store, most=SHOWN)._repr_html_() if facts.items else ""
    return f"<p><b>Corpus {escape(str(facts.folder))}</b></p><table>{cells}</table>{pictures}"
