"""Web addresses in a table: fetched once each, then given as occurrences."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mediacorpus.engine.pool import Interrupt
from mediacorpus.errors import MediaError
from mediacorpus.records import Failure
from mediacorpus.sources.addresses import check_url, public, shown
from mediacorpus.sources.download import Fetched, Manner, Refused, Seen, download
from mediacorpus.sources.manifest import Link, Manifest
from mediacorpus.sources.occurrence import Copy, Occurrence
from mediacorpus.store.runs import now
from mediacorpus.store.store import Store, chunks, placeholders, storable

LONGEST = 2000
"""Characters of an address that are set down; a `data:` address may hold a whole image."""


def resolve(
    found: Iterable[Occurrence | Failure | Link],
    manifest: Manifest,
    store: Store,
    *,
    manner: Manner,
    refresh: bool,
    interrupt: Interrupt,
) -> Iterator[Occurrence | Failure | Fetched]:
    """Fetch the links among what a table names; give everything else as it is.

    Parameters
    ----------
    found:
        What `Manifest.found` gives.
    manifest:
        The table.
    store:
        The catalogue; content that was fetched earlier is not fetched again.
    manner:
        How links are fetched.
    refresh:
        Ask the server whether content that was fetched earlier has changed.
    interrupt:
        When true no further request is begun.

    Yields
    ------
    Occurrence, Failure or Fetched
        `Fetched` comes before the occurrences of its content.
    """
    waiting: dict[str, list[Link]] = {}
    for one in found:
        if not isinstance(one, Link):
            yield one
            continue
        try:
            waiting.setdefault(check_url(one.url), []).append(one)
        except MediaError as error:
            name = storable(shown(one.url))
            digest = hashlib.sha256(storable(one.url).encode()).hexdigest()
            subject = storable(public(one.url)) if len(one.url) <= LONGEST else f"{name} {digest}"
            yield Failure(subject, name, "add", str(error))
    yield from _fetch(waiting, manifest, store, manner=manner, refresh=refresh, interrupt=interrupt)


def _fetch(
    waiting: Mapping[str, Sequence[Link]],
    manifest: Manifest,
    store: Store,
    *,
    manner: Manner,
    refresh: bool,
    interrupt: Interrupt,
) -> Iterator[Occurrence | Failure | Fetched]:
    """Give what is known already, then what servers answer."""
    known = seen(store, list(waiting))
    todo: list[tuple[str, Seen | None]] = []
    for url, links in waiting.items():
        old = known.get(url)
        if old is None or not (store.folder / old.stored).exists():
            todo.append((url, None))
        elif refresh:
            todo.append((url, old))
        else:
            yield from _linked(manifest, links, Copy(old.stored, old.bytes))
    if not todo:
        return
    for result in download(todo, store.folder, manner=manner, interrupt=interrupt):
        links = waiting[result.url]
        if isinstance(result, Refused):
            for link in links:
                text = storable(public(link.url))
                yield Failure(text, text, "add", result.reason)
        else:
            yield result
            yield from _linked(manifest, links, Copy(result.stored, result.bytes))


def seen(store: Store, urls: Sequence[str]) -> dict[str, Seen]:
    """Return what is known of addresses that were fetched earlier."""
    found = {}
    for chunk in chunks(urls):
        for url, etag, modified, sha256, stored, size in store.rows(
            "SELECT url, etag, modified, sha256, stored, bytes FROM downloads "
            f"WHERE url IN ({placeholders(len(chunk))})",
            chunk,
        ):
            found[url] = Seen(etag, modified, sha256, stored, size)
    return found


def write_downloads(store: Store, fetched: Iterable[Fetched], run: int) -> None:
    """Set down what was fetched, so that it is not fetched again; what is unchanged stays."""
    time = now()
    store.executemany(
        "INSERT INTO downloads (url, final_url, status, etag, modified, type, bytes, sha256, "
        "stored, time, run) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (url) DO UPDATE SET "
        "final_url = excluded.final_url, status = excluded.status, etag = excluded.etag, "
        "modified = excluded.modified, type = excluded.type, bytes = excluded.bytes, "
        "sha256 = excluded.sha256, stored = excluded.stored, time = excluded.time, "
        "run = excluded.run",
        [
            (
                f.url,
                f.final_url,
                f.status,
                f.etag,
                f.modified,
                f.content_type,
                f.bytes,
                f.sha256,
                f.stored,
                time,
                run,
            )
            for f in fetched
            if not f.unchanged
        ],
    )


def _linked(
    manifest: Manifest, links: Iterable[Link], copy: Copy
) -> Iterator[Occurrence | Failure]:
    for link in links:
        yield from manifest.linked(link, copy)
