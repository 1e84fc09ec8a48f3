"""How a recipe is written: a whole Python script, and one line of shell."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from symtable import SymbolTable, symtable

from pages.shared.exhibits import Recipe

# Where the names come from that scripts use, in the order in which they are imported.
_ORIGINS = {
    "dataclasses": ("replace",),
    "pathlib": ("Path",),
    "numpy": ("np",),
    "PIL": ("Image",),
    "zfnet": ("InferenceSession", "MaximizationSettings", "crop", "decode_image", "drawing", "render"),
    "zfnet.aliasing": ("grating",),
    "zfnet.gallery": ("read_galleries",),
    "zfnet.gallery_units": ("sample_views",),
    "zfnet.geometry": ("NETWORKS", "layer_table", "receptive_field"),
    "zfnet.maximization_settings": ("PRESETS",),
    "zfnet.occlusion": ("Square",),
    "zfnet.pointing": ("QUADRANTS", "compose"),
}
# In which group of imports a module stands, else in the last.
_GROUPS = {"dataclasses": 0, "pathlib": 0, "numpy": 1, "PIL": 1}
_SCRIPT = """{imports}

# made with checkpoint {checkpoint}
session = InferenceSession.load()
{body}
Path("{name}.png").write_bytes({png})
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the picture lies, how it was cropped, and the id of the checkpoint that looked at it."""

    file: str
    crop: str
    offset: float
    checkpoint: str


def recipe(
    source: Source,
    name: str,
    body: Sequence[str],
    shell: Sequence[str],
    *,
    png: str = "render.encode_png(pixels)",
    picture: bool = True,
) -> Recipe:
    """Return a recipe that writes ``<name>.png``.

    Args:
        source: the picture.
        name: of the file.
        body: the lines between the picture and the file.
        shell: the arguments of ``python -m zfnet``.
        png: what makes the file's bytes.
        picture: whether the picture is needed at all.
    """
    lines = [f"view = {opened(source.file, source)}", *body] if picture else body
    filled = {"checkpoint": source.checkpoint, "body": "\n".join(lines), "name": name, "png": png}
    whole = _SCRIPT.format(imports="", **filled)
    return Recipe(_imports(whole) + whole, shlex.join(["python", "-m", "zfnet", *shell]))


def opened(file: str, cropped: Source | None = None) -> str:
    """Return the expression that opens a file and crops it, by default in the middle."""
    options = ""
    if cropped and cropped.crop != "centre":
        options = f", {literal(cropped.crop)}" + (f", offset={cropped.offset!r}" if cropped.crop == "move" else "")
    return f"crop(decode_image(Path({literal(file)}).read_bytes()){options})"


def named(source: Source) -> list[str]:
    """Return the arguments of the shell that name the picture and its crop."""
    if source.crop == "centre":
        return [path(source.file)]
    return [
        path(source.file),
        "--crop",
        source.crop,
        *(["--offset", repr(source.offset)] if source.crop == "move" else []),
    ]


def path(file: str) -> str:
    """Return a file as an argument of the shell: what begins with a dash would be read as an option."""
    return f"./{file}" if file.startswith("-") else file


def literal(text: str) -> str:
    """Return a text as Python writes it, in double quotes where that needs no escapes."""
    plain = repr(text)
    return plain if '"' in text or plain[0] == '"' else f'"{plain[1:-1]}"'


def written(value: object) -> str:
    """Return a value as Python writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return literal(value) if isinstance(value, str) else repr(value)


def keywords(**options: tuple[object, object]) -> str:
    """Return the options of a call, each given as (value, default), that are not at their defaults."""
    return "".join(f", {name}={written(value)}" for name, (value, default) in options.items() if value != default)


def flags(**options: tuple[object, object]) -> list[str]:
    """Return the options of a command, each given as (value, default), that are not at their defaults."""
    said: list[str] = []
    for name, (value, default) in options.items():
        if value != default:
            said += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return said


def _imports(script: str) -> str:
    """Return the imports that a script needs, in groups."""
    # Not by ``ast``: Python 3.11 fails now and then where two threads make syntax trees at the same time.
    used = _names(symtable(script, "recipe", "exec"))
    groups: dict[int, list[str]] = {}
    for module, known in _ORIGINS.items():
        names = ", ".join(name for name in known if name in used)
        if names:
            line = f"import {module} as {names}" if module == "numpy" else f"from {module} import {names}"
            groups.setdefault(_GROUPS.get(module, 2), []).append(line)
    return "\n\n".join("\n".join(lines) for lines in groups.values())


def _names(table: SymbolTable) -> set[str]:
    """Return all names in a script, in functions and comprehensions too, but not those of attributes."""
    return set(table.get_identifiers()).union(*map(_names, table.get_children()))
