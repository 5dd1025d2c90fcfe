"""How a column of the tidy table is distributed, over all records or group by group."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mediacorpus.analysis.tidy import part_of_tidy
from mediacorpus.errors import ParameterError
from mediacorpus.result import Note, TableResult, counted
from mediacorpus.stats.intervals import Interval, check_level, clustered_mean
from mediacorpus.stats.survey import design_rate
from mediacorpus.store.query import run_sql
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERIODS = ("decade", "year", "month")
"""What a column of dates or years can be grouped by, as in `decade(year)`."""
MOST_CLASSES = 12
MOST_GROUPS = 15
MOST_STEPS = 60
BINS = 20
"""Groups of equal size that numbers are put into where they have too many values."""
FEWEST_BARS, MOST_BARS = 8, 50
FAR = 5.0
"""Values so many times the spread of the middle half away are not drawn in a histogram."""
DIFFERENT = 0.9
"""Text with so many values for each record names each; it makes no classes."""
AT_ONCE = 50_000

_PERIOD = re.compile(rf"({'|'.join(PERIODS)})\((.+)\)", re.IGNORECASE)
_ZONE = r"(\d\d:\d\d\S*?)\s*(?:Z|[+-]\d\d:?\d\d)$"
_YEAR = r"\b(1\d{3}|20\d{2})\b"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Distribution(TableResult):
    """What the values of a column are, for all records or for each group of them.

    Parameters
    ----------
    column, by:
        What was asked for; `by` is empty where all records are one group.
    measure:
        `"mean"` for numbers, `"share"` for classes.
    ordered:
        Whether the groups are numbers or times, which have an order.
    table:
        A row for each group and class: `group`, `class` (of a share), `n` (records), `items`
        (distinct images), `estimate` (mean, or share from 0 to 1), `low`, `high` (its
        interval), and for numbers `sd`, `q25`, `median`, `q75`.
    counts, edges:
        For numbers of one group: the histogram, `(B,)` and `(B + 1,)`.
    records, items:
        Number of records with a value, and of their distinct images.
    missing:
        Records without a value or without a group.
    level:
        Confidence level of the intervals.
    notes:
        What a reader must know.
    """

    column: str
    by: str
    measure: str
    ordered: bool
    table: pd.DataFrame
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]
    records: int
    items: int
    missing: int
    level: float
    notes: Sequence[str] = field(default=())

    def __str__(self) -> str:
        if self.by:
            groups = counted(self.table["group"].nunique(), "group")
            text = f"{self.column} by {self.by}: {groups}, {self.of}."
        elif self.measure == "mean":
            row = self.table.iloc[0]
            mean, low, high, median, sd = _written(
                row[["estimate", "low", "high", "median", "sd"]].tolist()
            )
            text = (
                f"{self.column}: mean {mean} [{low}, {high}], median {median}, sd {sd}; {self.of}."
            )
        else:
            first = self.table.iloc[0]
            text = (
                f"{self.column}: {counted(len(self.table), 'class', 'classes')}, the most frequent "
                f"{first['class']} ({first['estimate']:.1%}); {self.of}."
            )
        return " ".join([text, *self.notes])

    @property
    def of(self) -> str:
        """How many records, and of how many images."""
        text = counted(self.records, "record")
        return text if self.items == self.records else f"{text} of {counted(self.items, 'item')}"

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table.copy()


def _written(numbers: Sequence[float]) -> list[str]:
    """Write a mean, its limits, a median and an sd with the digits that the interval warrants."""
    half = (numbers[2] - numbers[1]) / 2
    digits = 3 if not half > 0 else max(0, 1 - math.floor(math.log10(half)))
    return [f"{value:.{min(digits, 12)}f}" for value in numbers]


def distribution(
    store: Store,
    column: str,
    *,
    by: str | None = None,
    only: Sequence[str] | None = None,
    level: float = 0.95,
) -> Distribution:
    """Describe a column of the tidy table: a mean or shares, with intervals.

    Records of the same image count each, but not as independent: intervals are computed from
    the sums of each image. They hold for images seen as a random sample of all such images.

    Parameters
    ----------
    store:
        The catalogue.
    column:
        A column of the tidy table, such as `"colorfulness"`, `"tags"` or a label. Numbers are
        averaged; of text and truth values the share of each is given.
    by:
        A second column, whose values make the groups; or `decade(…)`, `year(…)` or `month(…)` of
        a column of dates or years.
    only:
        Ids of the items whose records count; by default all.
    level:
        Confidence level, between 0 and 1.

    Returns
    -------
    Distribution

    Raises
    ------
    UnknownName
        There is no such column.
    ParameterError
        There is no value, or the column is text that differs from record to record.

    References
    ----------
    Cochran, W. G. (1977). *Sampling Techniques*, section 9A (means of clusters).
    """
    check_level(level)
    period, inner = _period(by)
    wanted = list(dict.fromkeys(["item", column, *([inner] if inner else [])]))
    query, known = part_of_tidy(store, wanted)
    rows = run_sql(query, known, folder=store.folder).batches(AT_ONCE).read_all()
    if only is not None:
        rows = rows.filter(pc.is_in(rows["item"], pa.array(list(only), pa.string())))
    notes: list[str] = []
    _refuse_dates(rows, column)
    values, numeric = _values(rows[column])
    frame = pd.DataFrame({"item": pd.factorize(rows["item"].to_pandas())[0], "value": values})
    frame["group"], ordered = "", False
    if inner:
        frame["group"], ordered = _groups(rows[inner], by or "", period=period, notes=notes)
    whole = len(frame)
    frame = frame.dropna(subset=["value", "group"]).reset_index(drop=True)
    if frame.empty:
        raise ParameterError(
            f"No record has a value of {column}{f' and {by}' if by else ''}; there is nothing to "
            "plot. `mediacorpus table` shows the columns and their values."
        )
    missing = whole - len(frame)
    if missing:
        notes.append(
            f"{counted(missing, 'record')} without a value of {column}"
            f"{f' or {by}' if by else ''} {'is' if missing == 1 else 'are'} left out."
        )
    frame = _frequent(frame, by, ordered=ordered, notes=notes)
    if numeric:
        table = _means(frame, level)
    else:
        table = _shares(frame, column, level=level, alone=not by, notes=notes)
    counts, edges = _histogram(frame, column, notes) if numeric and not by else _no_histogram()
    return Distribution(
        column=column,
        by=by or "",
        measure="mean" if numeric else "share",
        ordered=ordered,
        table=table,
        counts=counts,
        edges=edges,
        records=len(frame),
        items=int(frame["item"].nunique()),
        missing=missing,
        level=level,
        notes=tuple(Note(text, "plot") for text in notes),
    )


def _refuse_dates(rows: pa.Table, column: str) -> None:
    if pa.types.is_temporal(rows.schema.field(column).type):
        raise ParameterError(
            f"{column} holds dates. Draw another column over time: --by year({column}), "
            f"decade({column}) or month({column})."
        )


def _period(by: str | None) -> tuple[str, str]:
    """Cut `decade(year)` into its two words."""
    if by is None:
        return "", ""
    found = _PERIOD.fullmatch(by.strip())
    return (found[1].lower(), found[2].strip()) if found else ("", by.strip())


def _values(column: pa.ChunkedArray) -> tuple[pd.Series[Any], bool]:
    """Give the values, missing ones as NaN, and whether they are numbers."""
    kind = column.type
    if pa.types.is_boolean(kind):
        words = {True: "yes", False: "no"}
        return column.to_pandas().astype(object).map(words), False
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = column.cast(pa.float64()).to_pandas()
        return numbers.where(np.isfinite(numbers)), True
    text = column.cast(pa.string()).to_pandas().astype(object)
    return text.where(text.notna() & (text != "")), False


def _groups(
    column: pa.ChunkedArray, by: str, *, period: str, notes: list[str]
) -> tuple[pd.Series[Any], bool]:
    values, numeric = _values(column)
    if period:
        return _periods(values, by, period=period, numeric=numeric, notes=notes), True
    if not numeric:
        return values, False
    if values.nunique() > MOST_STEPS:
        bins = pd.qcut(values, BINS, labels=False, duplicates="drop")
        notes.append(
            f"{by} has {values.nunique():,} values; they are put into {bins.nunique()} groups of "
            "equal size, each shown at its median."
        )
        return values.groupby(bins).transform("median"), True
    return values, True


def _periods(
    values: pd.Series[Any], by: str, *, period: str, numeric: bool, notes: list[str]
) -> pd.Series[Any]:
    """Give the decade, year or month of dates and years."""
    if numeric:
        if period == "month":
            raise ParameterError(f"{by}: the column holds years, which have no months.")
        return _decades(values) if period == "decade" else values // 1
    # The hour on the clock counts where it was taken, so a time zone is left out.
    clock = values.astype("string").str.replace(_ZONE, r"\1", regex=True)
    dates = pd.to_datetime(clock, format="ISO8601", errors="coerce")
    found: pd.Series[Any] = dates.dt.strftime("%Y-%m")
    if period != "month":
        years = dates.dt.year.astype(float)
        loose = values.where(dates.isna()).astype("string").str.extract(_YEAR)[0].astype(float)
        if loose.notna().any():
            example = values[loose.notna()].iloc[0]
            notes.append(
                f"{counted(int(loose.notna().sum()), 'value')} such as {str(example)[:30]!r} "
                "were read by the year in them."
            )
        years = years.fillna(loose)
        found = _decades(years) if period == "decade" else years
    if found.isna().all() and values.notna().any():
        example = values.dropna().iloc[0]
        raise ParameterError(
            f"{by}: none of the values is a date; the first is {str(example)[:40]!r}. Write dates "
            "as 2024-05-31, or years."
        )
    return found


def _decades(years: pd.Series[Any]) -> pd.Series[Any]:
    return years // 10 * 10


def _frequent(
    frame: pd.DataFrame, by: str | None, *, ordered: bool, notes: list[str]
) -> pd.DataFrame:
    """Leave out groups beyond the most frequent, where they have no order."""
    counts = frame["group"].value_counts()
    if not by or ordered:
        return frame
    if len(counts) > max(MOST_CLASSES, DIFFERENT * len(frame)):
        raise ParameterError(
            f"{by} has {len(counts):,} values in {counted(len(frame), 'record')}, so it makes no "
            "groups. Group by a column whose values come again."
        )
    if len(counts) <= MOST_GROUPS:
        return frame
    kept = frame[frame["group"].isin(counts.index[:MOST_GROUPS])].reset_index(drop=True)
    notes.append(
        f"{by} has {len(counts):,} values; the {MOST_GROUPS} most frequent are shown, "
        f"and the other {counted(len(frame) - len(kept), 'record')} are left out."
    )
    return kept


def _means(frame: pd.DataFrame, level: float) -> pd.DataFrame:
    rows = []
    for group, own in frame.groupby("group", sort=True):
        values = own["value"].to_numpy(np.float64)
        found = clustered_mean(values, own["item"].to_numpy(), level=level)
        q25, median, q75 = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
        spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        about = {"sd": spread, "q25": q25, "median": median, "q75": q75}
        rows.append({"group": group} | _row(found, own) | about)
    return pd.DataFrame(rows)


def _shares(
    frame: pd.DataFrame, column: str, *, level: float, alone: bool, notes: list[str]
) -> pd.DataFrame:
    counts = frame["value"].value_counts()
    if len(counts) > max(MOST_CLASSES, DIFFERENT * len(frame)):
        raise ParameterError(
            f"{column} is text with {len(counts):,} values in {counted(len(frame), 'record')}; "
            "there is nothing to count. Plot a column of numbers, or one whose values come again."
        )
    most = MOST_CLASSES if alone else MOST_CLASSES // 2
    shown = counts.index[:most]
    if len(counts) > most:
        rest = int(counts.iloc[most:].sum())
        notes.append(
            f"The {most} most frequent of {len(counts):,} values of {column} are shown; "
            f"{counted(rest, 'record')} ({rest / len(frame):.1%}) have another."
        )
    rows = []
    for group, own in frame.groupby("group", sort=True):
        items = pd.factorize(own["item"])[0]
        ones = np.ones(len(own))
        for value in shown:
            hit = (own["value"] == value).to_numpy()
            found = design_rate(hit, ones, weights=ones, group=items, level=level)
            about = {"group": group, "class": value}
            rows.append(about | _row(found, own) | {"count": int(hit.sum())})
    return pd.DataFrame(rows)


def _row(found: Interval, own: pd.DataFrame) -> dict[str, Any]:
    return {
        "n": len(own),
        "items": int(own["item"].nunique()),
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
    }


def _no_histogram() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.zeros(0, np.int64), np.zeros(0)


def _histogram(
    frame: pd.DataFrame, column: str, notes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count values in bins of equal width; a few that lie far off are said, not drawn."""
    values = frame["value"].to_numpy(np.float64)
    low, high = values.min(), values.max()
    q25, q75 = np.quantile(values, [0.25, 0.75])
    reach = FAR * (q75 - q25)
    if reach:
        near = values[(values >= q25 - reach) & (values <= q75 + reach)]
        away = len(values) - len(near)
        if 0 < away <= len(values) / 50:
            values, low, high = near, near.min(), near.max()
            notes.append(
                f"{counted(away, 'record')} with {column} outside {low:.4g} to {high:.4g} "
                f"{'is' if away == 1 else 'are'} not drawn."
            )
    if low == high:
        low, high = low - 0.5, high + 0.5
    bars = int(np.clip(round(2 * len(values) ** (1 / 3)), FEWEST_BARS, MOST_BARS))
    steps = high - low
    if np.all(values == np.round(values)) and steps < MOST_BARS:
        edges = np.arange(low, high + 2) - 0.5  # a bar for each whole number
    else:
        edges = np.linspace(low, high, bars + 1)
    counts, edges = np.histogram(values, edges)
    return counts.astype(np.int64), np.asarray(edges, np.float64)
