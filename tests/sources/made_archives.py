"""Archives that tests make for themselves, honest or not, and ways to look into them."""

import contextlib
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

from mediacorpus.errors import MediaError
from mediacorpus.records import Failure
from mediacorpus.sources.archive import Limits, Member, members


def as_zip(*files, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return file.getvalue()


def as_tar(*files, mode="w"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in files:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def raw_zip(*entries, **whole):
    """Put a zip together by hand; an entry may lie about everything.

    Keys of an entry: name (bytes), data, packed, method, flags, crc, size, packed_size, offset,
    system, attributes, local (False: no local part), local_name, extra.
    """
    body, directory = b"", b""
    for entry in entries:
        data = entry.get("data", b"x")
        packed = entry.get("packed", data)
        name, flags, method = entry["name"], entry.get("flags", 0), entry.get("method", 0)
        numbers = (
            entry.get("crc", zlib.crc32(data)),
            entry.get("packed_size", len(packed)),
            entry.get("size", len(data)),
        )
        offset = entry.get("offset", len(body))
        extra = entry.get("extra", b"")
        if entry.get("local", True):
            own = entry.get("local_name", name)
            head = (b"PK\3\4", 20, flags, method, 0, 0x21, *numbers, len(own), 0)
            body += struct.pack("<4s5H3L2H", *head) + own + packed
        made_by = 20 | entry.get("system", 0) << 8
        head = (b"PK\1\2", made_by, 20, flags, method, 0, 0x21, *numbers, len(name), len(extra))
        tail = (0, 0, 0, entry.get("attributes", 0), offset)
        directory += struct.pack("<4s6H3L2H3H2L", *head, *tail) + name + extra
    count = whole.get("count", len(entries))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + end


def look(path, **limits):
    """Give contents by name and reasons by name within the archive."""
    contents, reasons = {}, {}
    for found in members(path, limits=Limits(**limits)):
        if isinstance(found, Failure):
            assert found.stage == "add"
            assert found.subject == found.path
            assert found.subject.startswith(str(path))
            found.subject.encode("utf-8")
            reasons[found.subject[len(str(path)) + 1 :]] = found.reason
        else:
            contents[found.name] = b"".join(found.chunks())
    return contents, reasons


@contextlib.contextmanager
def first(path) -> Iterator[Member]:
    with contextlib.closing(members(path)) as reading:
        found = next(reading)
        assert isinstance(found, Member)
        yield found


def attempt(member):
    """Give the content of a member, or the sentence that says why there is none."""
    try:
        return b"".join(member.chunks())
    except MediaError as error:
        return str(error)
