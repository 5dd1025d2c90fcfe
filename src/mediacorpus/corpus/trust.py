"""Verbs that say how far a model can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mediacorpus.catalogue.store import Store
from mediacorpus.corpus.paths import PathLike

if TYPE_CHECKING:
    from mediacorpus.validation.verb import Validation


class TrustVerbs:
    """How far models and measures can be trusted."""

    _store: Store

    def validate(
        self,
        subject: str,
        *,
        against: str,
        positive: str | None = None,
        part: str | None = None,
        level: float = 0.95,
        seed: int = 1,
    ) -> Validation:
        """Score a model or measure against labels; see `mediacorpus.validation.verb.validate`."""
        from mediacorpus.validation.verb import validate

        return validate(
            self._store,
            subject,
            against=against,
            positive=positive,
            part=part,
            level=level,
            seed=seed,
        )

    def report(self, *, title: str | None = None, output: PathLike | None = None) -> Path:
        """Write the report as one HTML file and return its path."""
        from mediacorpus.report.verb import report

        return report(self._store, title=title, output=Path(output) if output else None)
