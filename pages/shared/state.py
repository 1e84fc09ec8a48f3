"""What a visitor has in hand: the selection, the uploads, and the view that the network sees."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.shared import results, texts
from pages.shared.lessons import Lesson, Library, files, read_library
from pages.shared.pictures import Upload, read_upload, sample_picture, samples
from pages.shared.selection import Correction, Limits, Selection, consistent, from_query
from zfnet import InvalidImageError, crop
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
    _read_address()


def _read_address() -> None:
    default = Selection(image=next(iter(samples())), language=browser_language())
    lessons = {name: len(lesson.steps) for name, lesson in library().lessons.items()}
    limits = replace(_limits(), lessons=lessons)
    st.session_state.selection, st.session_state.corrections = from_query(st.query_params.to_dict(), limits, default)


def _limits() -> Limits:
    """Return what exists to be selected, lessons aside, which are made of it."""
    info = results.session().info
    return Limits(
        shapes={name: shape for name, shape in shapes(info.config).items() if name in LAYERS},
        classes=info.config.num_classes,
        heads=info.heads,
        samples=tuple(samples()),
    )


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
    st.session_state.upload_errors = []


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
    errors = []
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
    st.session_state.upload_errors = errors


def missing() -> bool:
    """Return whether the selected picture is an upload that this visit has not sent: a link unlocks nothing."""
    return selection().image not in samples() and selection().image not in uploads()


def picture() -> Image.Image:
    """Return the selected picture in full, or the first sample where it is missing."""
    name = selection().image
    if name in uploads():
        return uploads()[name].picture
    return sample_picture(name if name in samples() else next(iter(samples())))


def view() -> Image.Image:
    """Return the 224×224 picture that the network sees."""
    now = selection()
    key = (now.image, missing(), now.crop, now.offset)
    # Asked for many times in a run; cutting it out takes milliseconds.
    if st.session_state.get("view", (None,))[0] != key:
        st.session_state.view = (key, crop(picture(), now.crop, offset=now.offset))
    return st.session_state.view[1]  # type: ignore[no-any-return]
