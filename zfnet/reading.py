"""What a picture file may make its reader do.

Pillow walks through the parts of a file in Python, and a part may have two bytes: without a bound, 20 MB of them take
many seconds and hundreds of megabytes, for a picture of any size.
"""

import io
import struct
from collections.abc import Iterator

MAX_READS = 200_000  # 64 MP in strips of one row take 36,000 to 72,000; a fraction of a second
MAX_VALUES = 50_000  # of a TIFF tag: such a picture has up to 35,777 strips, and 15,625 tiles of 64x64
_BYTES = (1, 2, 6, 7)  # the types of tags that Pillow keeps as they are
_CLASSIC, _BIG = ("H", "I", "HHI", 12), ("Q", "Q", "HHQ", 20)  # number of entries, place, entry, its length


class BoundedFile(io.BytesIO):
    """A file in memory that can be read only so often.

    Raises:
        ValueError: It was read more often.
    """

    def __init__(self, data: bytes, reads: int = MAX_READS) -> None:
        super().__init__(data)
        self._left = reads

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads up to ``size`` bytes."""
        self._left -= 1
        if self._left < 0:
            raise ValueError("the file has too many parts")
        return super().read(size)


def is_crowded(data: bytes) -> bool:
    """Whether a tag of a TIFF file's first page has more than ``MAX_VALUES`` numbers: tiles and strips foremost."""
    return any(kind not in _BYTES and count > MAX_VALUES for kind, count in _entries(data))


def _entries(data: bytes) -> Iterator[tuple[int, int]]:
    """Yields type and number of values for each tag; ends where the file does."""
    order = "<" if data[:1] == b"I" else ">"
    big = 43 in data[2:4]
    number, place, entry, length = _BIG if big else _CLASSIC
    try:
        (at,) = struct.unpack_from(order + place, data, 8 if big else 4)
        (entries,) = struct.unpack_from(order + number, data, at)
        at += struct.calcsize(order + number)
        for index in range(entries):
            _, kind, count = struct.unpack_from(order + entry, data, at + index * length)
            yield kind, count
    except struct.error:
        return
