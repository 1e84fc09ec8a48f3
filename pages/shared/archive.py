"""A page as an archive: its pictures, the numbers behind them, all that is said about them, and the selection."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pages.shared.exhibits import Exhibit
from pages.shared.export import About, explained, file_name, picture_file, scale_words
from pages.shared.report import Page, report
from pages.shared.texts import text

# The earliest time that an archive can hold: what is the same has the same bytes, whenever it is made.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def page_archive(exhibits: Sequence[Exhibit], about: About) -> bytes:
    """Return everything that a page shows as a ZIP archive.

    It holds each picture as shown and with its scale, the numbers behind all of them in ``arrays.npz``, the selection,
    the captions, and the page as HTML.
    """
    named = list(zip(_names(exhibits), exhibits, strict=True))
    whole = replace(about, title=text("export.report_title", about.language))
    files = {
        "index.html": report([Page(about, tuple(exhibits))], whole),
        "captions.md": _captions(named, about).encode(),
        "selection.json": _selection(about),
    }
    for name, exhibit in named:
        files |= {f"{name}.png": exhibit.png, f"{name}-scale.png": picture_file(exhibit, about)}
    arrays = {
        f"{name}/{file_name(key)}": values
        for name, exhibit in named
        for key, values in (exhibit.arrays() if exhibit.arrays else {}).items()
    }
    if arrays:
        numbers = io.BytesIO()
        np.savez_compressed(numbers, allow_pickle=False, **arrays)
        files["arrays.npz"] = numbers.getvalue()
    return _zipped(files)


def _names(exhibits: Sequence[Exhibit]) -> list[str]:
    """Return a file name for each exhibit; one that was there before gets a number."""
    names: list[str] = []
    for exhibit in exhibits:
        name = file_name(exhibit.name)
        names.append(f"{name}-{len(names) + 1}" if name in names else name)
    return names


def _selection(about: About) -> bytes:
    said = {
        "page": about.page,
        "link": about.link,
        "query": dict(about.query),
        "picture": about.picture_title,
        "version": about.version,
        "checkpoint": about.checkpoint,
    }
    return json.dumps(said, ensure_ascii=False, indent=2).encode()


def _captions(named: Sequence[tuple[str, Exhibit]], about: About) -> str:
    """Write all that is said about the pictures, as Markdown."""
    parts = [f"# {about.title}", f"`{about.provenance.replace('`', chr(39))}`", f"`{about.link}`"]
    for name, exhibit in named:
        parts += [f"## {name}.png", exhibit.caption, text("export.alt", about.language, alt=exhibit.alt)]
        parts += [scale_words(exhibit, about)] if exhibit.scale else []
        parts += explained(exhibit, about.language)
        parts += [f"```python\n{exhibit.recipe.python}\n```", f"```sh\n{exhibit.recipe.shell}\n```"]
    return "\n\n".join(parts) + "\n"


def _zipped(files: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, data in files.items():
            # Pictures and arrays are compressed already.
            packed = name.endswith((".png", ".npz"))
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            opened.writestr(entry, data, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED)
    return archive.getvalue()
