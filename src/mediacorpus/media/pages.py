"""Which pages of a document are meant, and how densely they are drawn."""

from __future__ import annotations

import re

from mediacorpus.errors import ParameterError

LOWEST_DPI = 10.0
"""Lowest density at which a page is drawn, in dots per inch."""

HIGHEST_DPI = 1200.0
"""Highest density at which a page is drawn, in dots per inch."""

_PART = re.compile(r"(\d{1,9})(?:(-)(\d{1,9})?)?", re.ASCII)


def page_numbers(text: str | None, count: int) -> list[int]:
    """Turn a choice of pages such as `"1-20"` or `"1,3,5-7,10-"` into page numbers.

    Parameters
    ----------
    text:
        Numbers and ranges with commas between them, counted from 1; a range without an end
        goes to the last page. None stands for all pages.
    count:
        Pages of the document; numbers beyond are dropped.

    Returns
    -------
    list of int
        Sorted, each number once.

    Raises
    ------
    ParameterError
        The text is not of that form, or names no page that there is.

    Examples
    --------
    >>> page_numbers("5-7,1,10-", 11)
    [1, 5, 6, 7, 10, 11]
    """
    if text is None:
        return list(range(1, count + 1))
    found: set[int] = set()
    for first, last in check_pages(text):
        found.update(range(first, min(last or count, count) + 1))
    if not found:
        raise ParameterError(
            f"The pages {text!r} were asked for, but the document has {counted_pages(count)}."
        )
    return sorted(found)


def check_pages(text: str) -> list[tuple[int, int | None]]:
    """Read page numbers as first and last page of each range; None is the document's last.

    Raises
    ------
    ParameterError
        The text is not of that form.

    Examples
    --------
    >>> check_pages("5-7,1,10-")
    [(5, 7), (1, 1), (10, None)]
    """
    ranges: list[tuple[int, int | None]] = []
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        first = int(match[1]) if match else 0
        last: int | None = first
        if match and match[2]:
            last = int(match[3]) if match[3] else None
        if first < 1 or (last is not None and last < first):
            raise ParameterError(
                f"The pages {text!r} cannot be read at {part.strip()!r}; write them as in '1-20', "
                "'1,3,5-7' or '10-' (to the end), counted from 1."
            )
        ranges.append((first, last))
    return ranges


def check_dpi(dpi: float) -> None:
    """Raise `ParameterError` if a density is not within 10 to 1,200 dots per inch.

    >>> check_dpi(200)
    """
    if not LOWEST_DPI <= dpi <= HIGHEST_DPI:  # also when it is not a number
        raise ParameterError(
            f"dpi is {dpi:g}; it must be within {LOWEST_DPI:g} to {HIGHEST_DPI:g} dots per inch."
        )


def counted_pages(count: int) -> str:
    """Count pages in words.

    >>> counted_pages(1), counted_pages(2000)
    ('1 page', '2,000 pages')
    """
    return "1 page" if count == 1 else f"{count:,} pages"
