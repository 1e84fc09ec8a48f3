"""A look at a pickled state dict before PyTorch reads it.

``torch.load(weights_only=True)`` never runs code from a file. What it allows still lets a few bytes ask for any amount
of memory or time: ``bytearray(2**40)``, a dictionary copied ten thousand times, an entry of an archive that is
compressed. A state dict needs none of that, so a file that has it is refused unread.
"""

import io
import pickletools
import re
import zipfile
from pathlib import Path

MAX_BYTES = 64 * 2**10  # of the pickle itself, without the numbers; that of a ZFNet has 3 kB
MAX_CALLS = 200  # a ZFNet has some 20 tensors, each with up to three
_PICKLES = 5  # magic number, protocol, system, state dict and storage keys: what a file of before PyTorch 1.6 is
_ARCHIVE = b"PK\x03\x04"
_CALLABLE = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor(_v[23])?|parameter)"
    r"|torch\.storage (Typed|Untyped)Storage|torch (\w+Storage|b?float\w+|half|double)"
)


def check_pickle(path: Path) -> None:
    """Look whether a file is a state dict by what it is made of.

    Raises:
        ValueError: It has operations or entries that no state dict has, or more of them.
        OSError: It cannot be read.
        zipfile.BadZipFile: It begins as an archive and is none.
    """
    with path.open("rb") as file:
        head = file.read(MAX_BYTES)
    stream, count = (io.BytesIO(_pickle_of(path)), 1) if head.startswith(_ARCHIVE) else (io.BytesIO(head), _PICKLES)
    calls = 0
    for _ in range(count):
        for operation, argument, _ in pickletools.genops(stream):
            calls += operation.name in ("REDUCE", "NEWOBJ", "BUILD")
            if operation.name == "GLOBAL" and not _CALLABLE.fullmatch(str(argument)):
                raise ValueError(f"it asks for {argument}")
    if calls > MAX_CALLS:
        raise ValueError(f"it makes {calls} calls, at most {MAX_CALLS} are allowed")


def _pickle_of(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("its entries are compressed")
        pickles = [entry for entry in entries if entry.filename.endswith(".pkl")]
        if len(pickles) != 1 or pickles[0].file_size > MAX_BYTES:
            raise ValueError(f"it needs one pickle of at most {MAX_BYTES} bytes")
        return archive.read(pickles[0])
