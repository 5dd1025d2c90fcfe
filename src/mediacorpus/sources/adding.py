"""Read what is new of a source, set down what is broken, leave the rest alone."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mediacorpus.engine.decoding import Decoders, reason_of
from mediacorpus.engine.pool import Crew, Interrupt, beat
from mediacorpus.engine.progress import Report
from mediacorpus.errors import MediaError
from mediacorpus.media.color import is_stretched
from mediacorpus.records import (
    SKIPPED,
    VISUAL,
    Derived,
    Failure,
    FileFacts,
    Kind,
    Locator,
    Shot,
)
from mediacorpus.result import Result
from mediacorpus.sources.derive import SHOTS, Rules, derive, has_sound
from mediacorpus.sources.labelling import Labelling
from mediacorpus.sources.links import write_downloads
from mediacorpus.sources.occurrence import Box, Occurrence
from mediacorpus.sources.reading import Status, known_files, look, read_file, same
from mediacorpus.store import columns, derived, holdings
from mediacorpus.store.holdings import NewRecord, path_text
from mediacorpus.store.store import Store, chunks, placeholders

if TYPE_CHECKING:
    from mediacorpus.sources.download import Fetched


COLLIDING = (
    "Its id, the first digits of its SHA-256, is that of another file. That does not happen by "
    "chance: one of the two was made so. If you need both, save one again in another format."
)
_NAMED = 3
"""Files that are named in a sentence, at the most."""
_AS_WHAT = {Kind.VIDEO: "a video", Kind.AUDIO: "sound", Kind.DOCUMENT: "a document"}


@dataclass(slots=True, repr=False)
class Added(Result):
    """What adding a source did.

    Parameters
    ----------
    items, records:
        New distinct files, and new occurrences of files.
    derived:
        New frames, pages and regions.
    tracks:
        New audio tracks of videos.
    changed:
        Records whose file or columns had changed.
    described:
        Records of files that were there, which now have the columns of a table's row.
    unchanged:
        Records that were there already.
    failed:
        Files that could not be added; `failures` lists them.
    skipped:
        Files that are no media, by suffix.
    labels:
        New labels.
    notes:
        Sentences for the user.
    """

    items: int = 0
    records: int = 0
    derived: int = 0
    tracks: int = 0
    changed: int = 0
    described: int = 0
    unchanged: int = 0
    failed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    labels: int = 0
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        text = f"Added {_counted(self.records, 'record')} of {_counted(self.items, 'new item')}"
        extra = [
            f"{count:,} {name}"
            for name, count in (("changed", self.changed), ("unchanged", self.unchanged))
            if count
        ]
        text += f" ({', '.join(extra)})." if extra else "."
        if self.described:
            verb = (
                "describes a file that was" if self.described == 1 else "describe files that were"
            )
            text += (
                f" {_counted(self.described, 'row')} {verb} there (--new-records makes further "
                "records of them)."
            )
        if self.derived:
            text += f" {self.derived:,} new frames, pages or regions."
        if self.tracks:
            text += f" {_counted(self.tracks, 'new audio track')}."
        if self.labels:
            text += f" {_counted(self.labels, 'label')}."
        if self.skipped:
            kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(self.skipped.items()))
            text += f" Skipped {_counted(sum(self.skipped.values()), 'file')} ({kinds})."
        if self.failed:
            text += f" {self.failed:,} could not be added: see `mediacorpus failures`."
        return " ".join([text, *self.notes])

    def join(self, other: Added) -> None:
        """Take in what adding another source did."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.skipped = dict(Counter(self.skipped) + Counter(other.skipped))
        self.notes += [note for note in other.notes if note not in self.notes]


_COUNTS = (
    "items",
    "records",
    "derived",
    "tracks",
    "changed",
    "described",
    "unchanged",
    "failed",
    "labels",
)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _first(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


class Adding:
    """The state of one pass over a source: what it has done so far.

    Parameters
    ----------
    store:
        The catalogue.
    crew:
        Threads that read files.
    decoders:
        What opens files for them.
    run, source:
        Ids of the run and of the source.
    labelling:
        What the source says of a variable, or None.
    rules:
        Which frames and pages become items.
    report:
        Told how far long work on one file is.
    describing:
        Whether what is added describes the records of files that are there already; None keeps
        the records of files and of rows about them apart.
    """

    def __init__(
        self,
        store: Store,
        crew: Crew,
        decoders: Decoders,
        *,
        run: int,
        source: int,
        labelling: Labelling | None,
        rules: Rules,
        report: Report,
        describing: bool | None = False,
    ) -> None:
        self.describing = describing
        self.store = store
        self.crew = crew
        self.decoders = decoders
        self.run = run
        self.source = source
        self.labelling = labelling
        self.rules = rules
        self.report = report
        self.added = Added()
        self._passed: Counter[str] = Counter()
        self._modes: dict[str, str] = {}  # of rasters
        self._unframed: set[str] = set()
        self._silent: dict[str, str] = {}  # videos without sound: item -> name
        self._heard = False
        self._settled: set[str] = set()

    def chunk(self, found: Sequence[Occurrence | Failure | Fetched], interrupt: Interrupt) -> None:
        """Read what is new of some occurrences and write it in one transaction."""
        failures = [f for f in found if isinstance(f, Failure)]
        wanted = [o for o in found if isinstance(o, Occurrence)]
        fetched = [f for f in found if not isinstance(f, (Failure, Occurrence))]
        known = self._known(wanted)
        wanted = [_as_described(o, known.get(o.key)) for o in wanted]
        described = self._described(wanted, known)
        known |= {key: old for key, old in described.items() if key not in known}
        items: dict[str, str] = {}
        fresh: list[tuple[Occurrence, Status]] = []
        looked: dict[Path | str, Status | Failure] = {}
        for occurrence in wanted:
            if occurrence.copy is not None:
                status = look(occurrence)
            elif occurrence.path in looked:
                status = looked[occurrence.path]
            else:
                status = looked[occurrence.path] = look(occurrence)
            if isinstance(status, Failure):
                failures.append(status)
                continue
            old = known.get(occurrence.key)
            if old is not None and same(old, occurrence, status):
                items[occurrence.key] = old.item
                self.added.unchanged += 1
            else:
                fresh.append((occurrence, status))
        records, broken = self._read(fresh, described, interrupt)
        failures += broken
        clashing = holdings.colliding(self.store, [r.sha256 for r in records])
        paths = {path_text(r.path) for r in records if r.sha256 in clashing}
        failures += [Failure(path, path, "add", COLLIDING) for path in sorted(paths)]
        records = [r for r in records if r.sha256 not in clashing]
        items.update({r.key: holdings.item_id(r.sha256) for r in records})
        self._modes.update({r.sha256: r.facts.mode for r in records if _is_raster(r.facts.mode)})
        with self.store.transaction():
            write_downloads(self.store, fetched, self.run)
            counts = holdings.write_records(self.store, records, source=self.source, run=self.run)
            derived.forget_strays(self.store, [known[r.key].key for r in records if r.key in known])
            failures += self._regions(wanted, items)
            holdings.write_failures(self.store, failures, self.run)
            for stage in ("add", SKIPPED):
                holdings.forget_failures(self.store, stage, [path_text(r.path) for r in records])
            if self.labelling is not None:
                self.added.labels += self.labelling.learn(_labelled(wanted), items)
        self.added.items += counts["items"]
        self.added.records += counts["records"]
        self.added.changed += counts["changed"]
        self.added.described += counts["described"]
        self.added.failed += sum(f.stage != SKIPPED for f in failures)
        self._derive(wanted, items, interrupt)

    def _known(self, wanted: Sequence[Occurrence]) -> dict[str, holdings.Known]:
        """Return what is known of occurrences; files that only rows of a table name are, too."""
        known = holdings.known_records(self.store, [o.key for o in wanted])
        paths = {path_text(o.path): o.key for o in wanted if o.copy is None and not o.boxes}
        new = [p for p, key in paths.items() if key not in known and key == f"file:{p}"]
        if self.describing is None or not new:
            return known
        holdings.adopt(self.store, new, source=self.source)
        return known | holdings.known_records(self.store, [paths[path] for path in new])

    def _described(
        self, wanted: Sequence[Occurrence], known: Mapping[str, holdings.Known]
    ) -> dict[str, holdings.Known]:
        """Say which rows describe a file that has a record of its own, without columns so far.

        Gives the key of the row and what is known of that record. Of several rows about one file
        the first describes it; the others are further records.
        """
        found = {key: old for key, old in known.items() if old.key != key}
        if not self.describing:
            return found
        new = [o for o in wanted if o.key not in known and o.copy is None and not o.boxes]
        own = holdings.known_records(self.store, [f"file:{path_text(o.path)}" for o in new])
        for occurrence in new:
            old = own.get(f"file:{path_text(occurrence.path)}")
            if old is not None and old.filled_by is None and old.columns == "{}":
                found[occurrence.key] = old
                del own[old.key]
        return found

    def _read(
        self,
        fresh: Sequence[tuple[Occurrence, Status]],
        described: Mapping[str, holdings.Known],
        interrupt: Interrupt,
    ) -> tuple[list[NewRecord], list[Failure]]:
        """Hash and probe files, each path once, unless the catalogue knows it already."""
        ready = known_files(self.store, fresh)
        by_path: dict[Path, list[tuple[Occurrence, Status]]] = {}
        files = [self._file(occurrence) for occurrence, _ in fresh]
        for file, (occurrence, status) in zip(files, fresh, strict=True):
            by_path.setdefault(file, []).append((occurrence, status))
        todo = [path for path in by_path if path not in ready]
        failures = []
        reading = functools.partial(read_file, decoders=self.decoders)
        for outcome in self.crew.outcomes(reading, todo, interrupt=interrupt):
            if outcome.value is not None:
                ready[outcome.task] = outcome.value
                continue
            unknown = isinstance(outcome.error, MediaError)
            why = reason_of(outcome.error)
            for occurrence in {path_text(o.path): o for o, _ in by_path[outcome.task]}.values():
                text = path_text(occurrence.path)
                stage = SKIPPED if unknown and not occurrence.sure else "add"
                if stage == SKIPPED:
                    self._passed[Path(text).suffix.lower() or "no suffix"] += 1
                failures.append(Failure(text, text, stage, why))
        records = [
            NewRecord(
                o.key,
                o.path,
                status.size,
                status.mtime_ns,
                ready[file].sha256,
                ready[file].facts,
                o.columns,
                None if o.copy is None else o.copy.stored,
                described[o.key].key if o.key in described else None,
            )
            for file, (o, status) in zip(files, fresh, strict=True)
            if file in ready
        ]
        return records, failures

    def _file(self, occurrence: Occurrence) -> Path:
        if occurrence.copy is not None:
            return self.store.folder / occurrence.copy.stored
        path = occurrence.path
        return path if isinstance(path, Path) else Path(path)

    def _regions(self, wanted: Sequence[Occurrence], items: dict[str, str]) -> list[Failure]:
        """Write the regions that rows are about; `items` learns their ids."""
        failures = []
        boxed = [o for o in wanted if o.boxes and o.key in items]
        facts = holdings.facts_of(self.store, [items[o.key] for o in boxed])
        for occurrence in boxed:
            parent = items[occurrence.key]
            rows: list[tuple[Box, Locator, FileFacts]] = []
            for box in occurrence.boxes:
                region = _region(box, facts[parent])
                if isinstance(region, str):
                    text = path_text(occurrence.path)
                    failures.append(Failure(box.key, text, "add", region))
                else:
                    rows.append((box, *region))
            self.added.derived += derived.write_derived(
                self.store, parent, [(place, own) for _, place, own in rows], run=self.run
            )
            items.update(
                derived.write_region_records(
                    self.store,
                    occurrence.key,
                    [(box.key, place, box.columns) for box, place, _ in rows],
                    run=self.run,
                )
            )
        return failures

    def _derive(
        self, wanted: Sequence[Occurrence], items: dict[str, str], interrupt: Interrupt
    ) -> None:
        """Let frames and pages of some files become items that occur where their files do."""
        files = {items[o.key]: o for o in wanted if o.key in items}
        facts = holdings.facts_of(self.store, list(files))
        parents = [item for item in files if facts[item].frames > 1 or _holds_more(facts[item])]
        if self.rules.frames is None:
            self._unframed.update(item for item in parents if facts[item].kind is Kind.VIDEO)
        if self.rules.audio:
            videos = [item for item in parents if facts[item].kind is Kind.VIDEO]
            silent = [item for item in videos if not has_sound(facts[item])]
            self._silent |= {item: Path(str(files[item].path)).name for item in silent}
            self._heard = self._heard or bool(videos)
        todo = [
            item
            for item in parents
            if self.rules.concern(facts[item]) and item not in self._settled
        ]
        shots = self._known_shots(todo) if self.rules.frames == SHOTS else {}
        task = functools.partial(self._derived, files=files, facts=facts, shots=shots)
        for outcome in self.crew.outcomes(task, todo, interrupt=interrupt):
            if outcome.value is None:
                text = path_text(files[outcome.task].path)
                failure = Failure(text, text, "add", reason_of(outcome.error))
                holdings.write_failures(self.store, [failure], self.run)
                self.added.failed += 1
                continue
            path = path_text(files[outcome.task].path)
            parts = [
                Failure(f"{path}#{part}", path, "add", reason)
                for part, reason in outcome.value.broken
            ]
            holdings.write_failures(self.store, parts, self.run)
            self.added.failed += len(parts)
            self._settled.add(outcome.task)
            images, tracks = _parted(outcome.value.places)
            with self.store.transaction():
                self.added.derived += derived.write_derived(
                    self.store, outcome.task, images, run=self.run
                )
                self.added.tracks += derived.write_derived(
                    self.store, outcome.task, tracks, run=self.run
                )
                if outcome.value.shots:
                    derived.write_shots(self.store, outcome.task, outcome.value.shots, run=self.run)
        derived.write_derived_records(self.store, parents, run=self.run)

    def _derived(
        self,
        item: str,
        *,
        files: dict[str, Occurrence],
        facts: dict[str, FileFacts],
        shots: dict[str, list[Shot]],
    ) -> Derived:
        path = self._file(files[item])
        name = Path(str(files[item].path)).name

        def report_share(share: float) -> None:
            beat()
            self.report(0, note=f"{name} {share:.0%}")

        try:
            task = functools.partial(
                derive, path, facts[item], self.rules, shots=shots.get(item, ())
            )
            found: Derived = self.decoders.call(task, progress=report_share)
            return found
        finally:
            self.report(0, note="")

    def _known_shots(self, items: Sequence[str]) -> dict[str, list[Shot]]:
        found: dict[str, list[Shot]] = {}
        for chunk in chunks(items):
            for item, *values in self.store.rows(
                "SELECT item, shot, first_frame, last_frame, start, stop FROM shots "
                f"WHERE item IN ({placeholders(len(chunk))}) ORDER BY item, shot",
                chunk,
            ):
                found.setdefault(item, []).append(Shot(*values))
        return found

    def finish(self, skipped: Counter[str], place: str | None) -> None:
        """Close the pass: what no longer fails, what was skipped, what to tell the user.

        `place` names the source where all of it was seen.
        """
        if place is not None:
            holdings.forget_older_failures(self.store, place, run=self.run)
        self.added.failed = holdings.count_failures(self.store, self.run)
        self.added.skipped = dict(skipped + self._passed)
        unframed = self._unframed - derived.with_parts(self.store, sorted(self._unframed))
        if unframed:
            self.added.notes.append(
                f"No frames were taken of the videos ({len(unframed):,}): add them again with "
                "--frames every=1s, or --frames shots, to measure their images."
            )
        if self._silent:
            self.added.notes.append(
                f"{_counted(len(self._silent), 'video')} without sound, and so without an audio "
                f"item: {_first(sorted(self._silent.values()))}."
            )
        if self.rules.audio and not self._heard:
            self.added.notes.append("There are no videos whose sound could become an item.")
        self.added.notes += _raster_notes(self._modes.values())
        self.added.notes += columns.remarks(self.store, self.run)
        if self.labelling is not None:
            self.added.notes += self.labelling.finish()


def _is_raster(mode: str) -> bool:
    return is_stretched(mode) or mode.endswith("bands")


def _raster_notes(modes: Iterable[str]) -> list[str]:
    """Say how images that hold numbers, not levels of gray, are shown."""
    counts = Counter(modes)
    stretched = sum(count for mode, count in counts.items() if is_stretched(mode))
    unnamed = sum(count for mode, count in counts.items() if mode.endswith("bands"))
    notes = []
    if stretched:
        notes.append(
            f"Numbers beyond 16 bits, with signs or fractions ({stretched:,} images): each image "
            "is shown stretched from its own least to its greatest value, so that brightness and "
            "colors cannot be compared between them. `measure intensity` gives the numbers in the "
            "units of the files."
        )
    if unnamed:
        notes.append(
            "Several bands of which the file does not say which are red, green and blue "
            f"({unnamed:,} images): the first one is shown. `measure intensity` gives the mean of "
            "each, and with --band N all numbers of one."
        )
    return notes


def _parted(
    places: Sequence[tuple[Locator, FileFacts]],
) -> tuple[list[tuple[Locator, FileFacts]], list[tuple[Locator, FileFacts]]]:
    """Tell frames and pages from audio tracks."""
    tracks = [place for place in places if place[0].kind is Kind.AUDIO]
    return [place for place in places if place[0].kind is not Kind.AUDIO], tracks


def _as_described(occurrence: Occurrence, old: holdings.Known | None) -> Occurrence:
    """Give a file of a folder the columns that a table has given to its record."""
    if old is None or old.filled_by is None or occurrence.columns or old.key != occurrence.key:
        return occurrence
    return replace(occurrence, columns=json.loads(old.columns))


def _holds_more(facts: FileFacts) -> bool:
    return facts.kind in {Kind.VIDEO, Kind.DOCUMENT}


def _labelled(wanted: Sequence[Occurrence]) -> list[Occurrence]:
    """Give what carries labels: the rows about regions in place of their images."""
    found = []
    for occurrence in wanted:
        if not occurrence.boxes:
            found.append(occurrence)
        found += [
            Occurrence(box.key, occurrence.path, box.columns, label=box.label)
            for box in occurrence.boxes
        ]
    return found


def _region(box: Box, facts: FileFacts) -> tuple[Locator, FileFacts] | str:
    """Give the place of a box in its image, cut off at its edges, or what is wrong."""
    if facts.kind not in VISUAL:
        return f"A box is a part of an image; the file is {_AS_WHAT[facts.kind]}."
    width, height = (1.0, 1.0) if box.fractions else (facts.width, facts.height)
    x, y, w, h = box.sides
    found = derived.region_of((x / width, y / height, w / width, h / height), facts)
    return found or (
        f"The box {box.sides} (x, y, width, height in "
        f"{'fractions' if box.fractions else 'pixels'}) holds no pixel of an image of "
        f"{facts.width} x {facts.height} pixels."
    )
