"""What a visitor has in hand: the selection, the uploads, and the view that the network sees."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.shared import results, texts
from pages.shared.export import restore
from pages.shared.lessons import Lesson, Library, files, read_library
from pages.shared.pictures import Upload, read_upload, sample_picture, samples
from pages.shared.selection import Correction, Limits, Selection, consistent, from_query
from zfnet import InvalidImageError, __version__, crop
from zfnet.geometry import LAYERS, shapes

# Decoded, a picture of 4:3 takes up to 7 MB: a visitor holds at most some 60 MB.
MAX_UPLOADS = 8


def selection() -> Selection:
    """Return the current selection; at the start of a visit, the one that the address asks for."""
    if "selection" not in st.session_state:
        _begin()
    return st.session_state.selection  # type: ignore[no-any-return]


def browser_language() -> str:
    """Return the language of the visitor's browser where there are texts in it, else English."""
    return "ko" if str(st.context.locale).startswith("ko") else "en"


def follow_history() -> None:
    """Take the selection from the address again where the visitor went back or forward in the browser."""
    context = get_script_run_ctx()
    if context and context.is_history_navigation and "selection" in st.session_state and st.query_params:
        _read_address()


def _begin() -> None:
    st.session_state.uploads = {}
    st.session_state.upload_errors = []
    st.session_state.restorable = None
    _read_address()


def _read_address() -> None:
    _follow(st.query_params.to_dict())


def _follow(query: Mapping[str, str]) -> None:
    """Select what parameters ask for, and keep what they asked for and cannot have."""
    default = Selection(image=next(iter(samples())), language=browser_language())
    lessons = {name: len(lesson.steps) for name, lesson in library().lessons.items()}
    limits = replace(_limits(), lessons=lessons)
    chosen, corrections = from_query(query, limits, default)
    if chosen.lesson in lessons:
        # A short link to a step: what it does not name is what the step is about.
        asked = library().lessons[chosen.lesson].steps[chosen.step].select
        chosen, corrections = from_query({**dict(asked), **query}, limits, default)
    st.session_state.selection, st.session_state.corrections = chosen, corrections
    st.session_state.foreign = {key: query[key] for key, own in provenance().items() if query.get(key, own) != own}


def take_over(query: Mapping[str, str]) -> None:
    """Select what another visitor has selected, in the language of this visit, presented or not as it was."""
    own = selection().to_query()
    _follow(dict(query) | {"lang": own["lang"], "present": own["present"]})


def _limits() -> Limits:
    """Return what exists to be selected, lessons aside, which are made of it."""
    info = results.session().info
    return Limits(
        shapes={name: shape for name, shape in shapes(info.config).items() if name in LAYERS},
        classes=info.config.num_classes,
        heads=info.heads,
        samples=tuple(samples()),
    )


def provenance() -> dict[str, str]:
    """Return what a link says about where it was made: this version, and the loaded checkpoint."""
    return {"version": __version__, "checkpoint": results.session().info.checkpoint_id}


def address() -> dict[str, str]:
    """Return the parameters of a link to what is seen now: the whole selection, and where it was made."""
    return selection().to_query() | provenance()


def foreign() -> dict[str, str]:
    """Return the version and the checkpoint that the opened link was made with, as far as they are not these."""
    return st.session_state.foreign  # type: ignore[no-any-return]


def library() -> Library:
    """Return the lessons as their files are now."""
    return _library(tuple((path, path.stat().st_mtime_ns) for path in files()))


@lru_cache(1)
def _library(dated: tuple[tuple[Path, int], ...]) -> Library:
    return read_library([path for path, _ in dated], _limits())


def lesson() -> tuple[Lesson, int] | None:
    """Return the selected lesson and the number of its step, None where none is being taken."""
    chosen = library().lessons.get(selection().lesson)
    return None if chosen is None else (chosen, min(selection().step, len(chosen.steps) - 1))


def enter(name: str, step: int = 0) -> None:
    """Go to a step of a lesson, and select what it is about."""
    select(lesson=name, step=step)
    taken = lesson()
    if taken and (asked := taken[0].steps[taken[1]].select):
        # As in ``select``: what is not asked for is chosen anew by another layer, and the cell by anything else.
        anew = {"position": "auto"} | ({"channel": "auto"} if "layer" in asked else {})
        limits = replace(_limits(), lessons={name: step + 1})
        st.session_state.selection, _ = from_query(anew | dict(asked), limits, selection())


def corrections() -> tuple[Correction, ...]:
    """Return what the opened link asked for and could not have."""
    return st.session_state.corrections  # type: ignore[no-any-return]


def select(**changes: Any) -> None:
    """Change the selection. Another layer starts at its strongest channel, another channel or picture at its strongest
    cell."""
    now = selection()
    if changes.get("layer", now.layer) != now.layer:
        changes = {"channel": None} | changes
    if any(changes.get(name, getattr(now, name)) != getattr(now, name) for name in ("layer", "channel", "image")):
        changes = {"position": None} | changes
    st.session_state.selection = consistent(replace(now, **changes))
    st.session_state.corrections = ()
    st.session_state.foreign = {}
    st.session_state.upload_errors = []
    st.session_state.restorable = None


def t(key: str, **values: object) -> str:
    """Return a text in the selected language."""
    return texts.text(key, selection().language, **values)


def uploads() -> dict[str, Upload]:
    """Return this visitor's uploads by id, oldest first."""
    return st.session_state.uploads  # type: ignore[no-any-return]


def upload_errors() -> list[tuple[str, InvalidImageError]]:
    """Return the files of the last upload that could not be taken, by name, with the reason."""
    return st.session_state.upload_errors  # type: ignore[no-any-return]


def receive(files: list[tuple[str, bytes]]) -> None:
    """Take uploaded files. The last good one is selected; if none is good, the picture stays as it was."""
    errors, restorable = [], None
    for name, data in files:
        try:
            upload = read_upload(name, data)
        except InvalidImageError as error:
            errors.append((name, error))
            continue
        uploads().pop(upload.id, None)
        uploads()[upload.id] = upload
        if len(uploads()) > MAX_UPLOADS:
            del uploads()[next(iter(uploads()))]
        select(image=upload.id, crop="centre")
        restorable = restore(data)
    st.session_state.upload_errors = errors
    st.session_state.restorable = restorable


def restorable() -> bool:
    """Return whether the picture that was just uploaded was saved here and carries a selection."""
    return st.session_state.restorable is not None


def restore_selection() -> None:
    """Select what the uploaded picture shows, as a link would, in the language that is spoken now."""
    query = dict(st.session_state.restorable) | {"lang": selection().language}
    _follow(query)
    st.session_state.restorable = None


def missing(image: str | None = None) -> bool:
    """Return whether a picture, by default the selected one, is an upload that this visit has not sent: a link unlocks
    nothing."""
    name = image or selection().image
    return name not in samples() and name not in uploads()


def picture(image: str | None = None) -> Image.Image:
    """Return a picture, by default the selected one, in full, or the first sample where it is missing."""
    name = image or selection().image
    if name in uploads():
        return uploads()[name].picture
    return sample_picture(name if name in samples() else next(iter(samples())))


def picture_title(image: str | None = None) -> str:
    """Return what a picture, by default the selected one, is called."""
    name = image or selection().image
    if name in uploads():
        return uploads()[name].name
    return samples().get(name, next(iter(samples().values()))).title(selection().language)


def view() -> Image.Image:
    """Return the 224×224 picture that the network sees."""
    now = selection()
    return _cut("view", now.image, now.crop, now.offset)


def second() -> tuple[str, str, float]:
    """Return the pinned picture with its crop and offset; where none is pinned, the sample after the selected one."""
    now, names = selection(), list(samples())
    after = names[(names.index(now.image) + 1) % len(names)] if now.image in names else names[0]
    return now.pinned or (after, "centre", 0.5)


def second_view() -> Image.Image:
    """Return the 224×224 part of the second picture."""
    return _cut("second_view", *second())


def swap(channel: int, class_index: int) -> None:
    """Let the two pictures change places, with what is looked at staying the same."""
    now, (image, mode, offset) = selection(), second()
    fixed = {"channel": channel, "class_index": class_index}
    select(image=image, crop=mode, offset=offset, pinned=(now.image, now.crop, now.offset), **fixed)


def _cut(place: str, image: str, mode: str, offset: float) -> Image.Image:
    key = (image, missing(image), mode, offset)
    # Asked for many times in a run; cutting it out takes milliseconds.
    if st.session_state.get(place, (None,))[0] != key:
        st.session_state[place] = (key, crop(picture(image), mode, offset=offset))
    return st.session_state[place][1]  # type: ignore[no-any-return]
