"""Guided lessons: what they are, and how they are read from YAML files; no Streamlit.

A file is a ``title`` and a list of ``steps``. Every text stands there in each language, ``{en: …, ko: …}``. A step has

    title, text   what is said
    select        what is selected when the step is entered: parameters of an address, such as ``layer: conv1``
    shows         pictures, of ``PICTURES``; reveals: those that are shown only when the answer is
    question      one that is measured, of ``QUESTIONS``, or a written one: text, options, right (from 1), explanation
    hide          controls at the side that would distract, of ``CONTROLS``
    page          where to go on, of ``PAGES``

Only title and text are needed. Within braces, a text with a comma, colon or question mark stands in quotation marks.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pages.shared.pictures import slug
from pages.shared.selection import Limits, Selection, from_query
from pages.shared.texts import LANGUAGES
from pages.shared.yaml_nodes import BrokenFileError, Item, read_yaml

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "lessons"
PICTURES = ("filters", "network", "map", "unit", "nine", "projection", "evidence", "grating", "sampled")
QUESTIONS = (
    "unit",
    "place",
    "projection",
    "field",
    "silent",
    "class",
    "channel",
    "cover",
    "cells",
    "period",
    "folded",
)
CONTROLS = ("pictures", "upload", "crop", "unit", "network")
PAGES = ("architecture", "stride", "feature_maps", "deconvnet", "gradcam", "occlusion", "maximization")
STEP = ("title", "text", "select", "shows", "reveals", "question", "hide", "page")
# A lesson that nobody sits through, and more files than anybody chooses from.
MAX_STEPS, MAX_OPTIONS, MAX_FILES = 30, 6, 50

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Written:
    """A question that a teacher wrote, by language; ``right`` counts options from 0."""

    text: Words
    options: tuple[Words, ...]
    right: int
    explanation: Words


@dataclass(frozen=True, slots=True)
class Step:
    """What is said, selected, shown and asked at once."""

    title: Words
    text: Words
    select: Mapping[str, str]
    shows: tuple[str, ...] = ()
    reveals: tuple[str, ...] = ()
    question: str | Written | None = None
    hide: tuple[str, ...] = ()
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson by its name in the address, with its title by language."""

    name: str
    title: Words
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Library:
    """All lessons that can be given, by name, and what is wrong with the files that hold no lesson."""

    lessons: Mapping[str, Lesson]
    errors: tuple[BrokenFileError, ...]


def files() -> tuple[Path, ...]:
    """Return the files of lessons: the project's, then those of the folder that ``ZFNET_LESSONS`` names."""
    folders = [FOLDER, *map(Path, filter(None, [os.environ.get("ZFNET_LESSONS")]))]
    return tuple(
        file
        for folder in folders
        for file in sorted(path for path in folder.glob("*.y*ml") if path.is_file())[:MAX_FILES]
    )


def read_library(paths: Sequence[Path], limits: Limits) -> Library:
    """Read lessons; a broken file is an error of the library, and the others are there all the same."""
    lessons: dict[str, Lesson] = {}
    errors: list[BrokenFileError] = []
    for path in paths:
        try:
            lesson = read_lesson(path, limits)
            if lesson.name in ("none", *lessons):
                raise BrokenFileError(path.name, 1, "taken", given=lesson.name)
            lessons[lesson.name] = lesson
        except BrokenFileError as error:
            errors.append(error)
    return Library(lessons, tuple(errors))


def read_lesson(path: Path, limits: Limits) -> Lesson:
    """Read one lesson; ``limits`` say what there is to be selected.

    Raises:
        BrokenFileError: at the first thing that is wrong, with its line.
    """
    root = read_yaml(path)
    parts = root.mapping(("title", "steps"), ("title", "steps"))
    steps = parts["steps"].items()
    if len(steps) > MAX_STEPS:
        raise steps[MAX_STEPS].broken("number", given=len(steps), low=1, high=MAX_STEPS)
    return Lesson(slug(path.stem), _words(parts["title"]), tuple(_step(item, limits) for item in steps))


def _step(item: Item, limits: Limits) -> Step:
    parts = item.mapping(STEP, ("title", "text"))
    title, text = (_words(parts[name]) for name in ("title", "text"))
    return Step(
        title=title,
        text=text,
        select=_select(parts["select"], limits) if "select" in parts else {},
        shows=parts["shows"].choices(PICTURES) if "shows" in parts else (),
        reveals=parts["reveals"].choices(PICTURES) if "reveals" in parts else (),
        question=_question(parts["question"]) if "question" in parts else None,
        hide=parts["hide"].choices(CONTROLS) if "hide" in parts else (),
        page=parts["page"].choice(PAGES) if "page" in parts else None,
    )


def _question(item: Item) -> str | Written:
    if not item.is_mapping:
        return item.choice(QUESTIONS)
    keys = ("text", "options", "right", "explanation")
    parts = item.mapping(keys, keys)
    options = parts["options"].items()
    if not 2 <= len(options) <= MAX_OPTIONS:
        raise parts["options"].broken("number", given=len(options), low=2, high=MAX_OPTIONS)
    right = parts["right"].number(1, len(options)) - 1
    return Written(_words(parts["text"]), tuple(map(_words, options)), right, _words(parts["explanation"]))


def _words(item: Item) -> Words:
    languages = sorted(LANGUAGES)
    return {language: part.words() for language, part in item.mapping(languages, languages).items()}


def _select(item: Item, limits: Limits) -> Mapping[str, str]:
    """Return the parameters as an address would hold them; one that an address would have to correct is an error."""
    default = Selection(image=limits.samples[0])
    allowed = [name for name in default.to_query() if name not in ("lesson", "step", "lang")]
    parts = item.mapping(allowed)
    query = {name: part.words() for name, part in parts.items()}
    for correction in from_query(query, limits, default)[1]:
        raise parts[correction.parameter].broken(
            "nowhere", parameter=correction.parameter, given=correction.given, taken=correction.taken
        )
    return query
