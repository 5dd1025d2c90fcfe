"""Verbs that say how far a model can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediacorpus.catalogue.store import Store
from mediacorpus.corpus.paths import PathLike

if TYPE_CHECKING:
    from mediacorpus.report.explaining import Explained
    from mediacorpus.validation.compare import Comparison
    from mediacorpus.validation.learning_curve import LearningCurve
    from mediacorpus.validation.robustness_result import RobustnessAudit
    from mediacorpus.validation.subgroups import GroupAudit
    from mediacorpus.validation.verb import Validation


class TrustVerbs:
    """How far models and measures can be trusted."""

    _store: Store

    def validate(self, subject: str, *, against: str, **options: Any) -> Validation:
        """Score a model or measure against labels; see `mediacorpus.validation.verb.validate`.

        `options` are those of `ScoreOptions`, such as `threshold="f1"`, `by="author"` or
        `inclusion="chance"`.
        """
        from mediacorpus.validation.model_scores import ScoreOptions
        from mediacorpus.validation.verb import validate

        return validate(self._store, subject, against=against, options=ScoreOptions(**options))

    def compare(
        self,
        variable: str,
        *,
        models: Sequence[str] | None = None,
        by: str | None = None,
        level: float = 0.95,
        seed: int = 1,
        progress: bool | None = None,
    ) -> Comparison:
        """Score models on the same items; see `mediacorpus.validation.comparing.compare_models`."""
        from mediacorpus.validation.comparing import compare_models

        return compare_models(
            self._store, variable, models=models, by=by, level=level, seed=seed, show=progress
        )

    def audit(
        self,
        model: str,
        *,
        against: str,
        by: Sequence[str] | str,
        positive: str | None = None,
        level: float = 0.95,
        progress: bool | None = None,
    ) -> GroupAudit:
        """Score a model for each group; see `mediacorpus.validation.auditing.audit`."""
        from mediacorpus.validation.auditing import audit

        columns = by.split(",") if isinstance(by, str) else by
        return audit(
            self._store,
            model,
            against=against,
            by=columns,
            positive=positive,
            level=level,
            show=progress,
        )

    def robustness(
        self,
        model: str,
        *,
        against: str,
        pictures: int = 100,
        output: PathLike | None = None,
        seed: int = 1,
        progress: bool | None = None,
    ) -> RobustnessAudit:
        """Spoil held-out pictures in ten ways; see `mediacorpus.report.explaining.robustness`."""
        from mediacorpus.report.explaining import robustness

        return robustness(
            self._store,
            model,
            against=against,
            pictures=pictures,
            output=Path(output) if output else None,
            seed=seed,
            show=progress,
        )

    def explain(
        self,
        model: str,
        *items: str,
        method: str = "auto",
        output: PathLike | None = None,
        progress: bool | None = None,
    ) -> Explained:
        """Show where a model looks; see `mediacorpus.report.explaining.explain_items`."""
        from mediacorpus.report.explaining import explain_items

        return explain_items(
            self._store,
            model,
            items,
            method=method,
            output=Path(output) if output else None,
            show=progress,
        )

    def learning_curve(
        self,
        variable: str,
        *,
        output: PathLike | None = None,
        repeats: int = 5,
        seed: int = 1,
        progress: bool | None = None,
    ) -> LearningCurve:
        """Tell what more labels would bring; see `mediacorpus.report.explaining.curve_of`."""
        from mediacorpus.report.explaining import curve_of

        return curve_of(
            self._store,
            variable,
            output=Path(output) if output else None,
            repeats=repeats,
            seed=seed,
            show=progress,
        )

    def report(self, *, title: str | None = None, output: PathLike | None = None) -> Path:
        """Write the report as one HTML file and return its path."""
        from mediacorpus.report.verb import report

        return report(self._store, title=title, output=Path(output) if output else None)
