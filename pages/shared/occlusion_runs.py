"""Runs of the occlusion: computed live, kept for everybody when done, gone on with when a click has stopped them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from pages.shared import results
from pages.shared.results import cached
from pages.shared.state import selection, t, view
from pages.shared.widgets import class_name, every, pixels
from zfnet import InferenceSession, render
from zfnet.images import digest
from zfnet.occlusion import OcclusionMaps, Square
from zfnet.sharing import Cancel

# Often enough to see it grow; each preview is sent to the browser.
_PREVIEW_SECONDS = 0.4
_STOPPED, _CLICKED = "stopped_occlusion", "occlusion_clicked"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the maps are about, besides the picture: a class, what covers the picture, which classifier answers."""

    class_index: int
    square: Square
    head: str

    @property
    def places(self) -> int:
        """Return how many places the square visits."""
        return len(self.square.offsets()) ** 2


@dataclass(frozen=True, slots=True)
class _Stopped:
    """The maps of a run that has not come to its end, and what they are of: network, picture, square, classifier."""

    about: tuple[str, str, Square, str]
    maps: OcclusionMaps


class _Missing(Exception):
    """These maps have not been computed yet."""


def warm(session: InferenceSession, view: Image.Image, cancel: Cancel) -> None:
    """Compute for a picture what the page shows first, and keep it."""
    head = session.info.heads[0]
    found = session.occlusion(view, 0, square=Square(), head=head, cancel=cancel)
    _keep(session, view, Square(), head, _found=found)


@cached
def _keep(
    session: InferenceSession, view: Image.Image, square: Square, head: str, *, _found: OcclusionMaps | None = None
) -> OcclusionMaps:
    """Keep the maps that are handed in, which are not part of the key, for all classes; without them, return those that
    are kept.

    A preview cannot be drawn from within a cached function, so the maps are computed outside. What raises is not
    cached.
    """
    if _found is None:
        raise _Missing
    return _found


def kept(asked: Asked) -> OcclusionMaps | None:
    """Return the maps if anybody has had them computed."""
    try:
        return _keep(results.session(), view(), asked.square, asked.head).of(asked.class_index)
    except _Missing:
        return None


def stopped(asked: Asked) -> OcclusionMaps | None:
    """Return the maps as far as a click let them come, if this visitor's last stopped run was of this question."""
    held: _Stopped | None = st.session_state.get(_STOPPED)
    return held.maps.of(asked.class_index) if held and held.about == _about(asked) else None


def wanted(asked: Asked, place: DeltaGenerator) -> bool:
    """Say how long a run takes, or show how far a stopped one has come; return whether it is to begin, or to go on."""
    begun, places = stopped(asked), asked.places
    clicked = st.session_state.pop(_CLICKED, False)
    if begun:
        draw(begun, place)
        st.markdown(t("occlusion.stopped", done=begun.visited, places=places))
        label = t("occlusion.go_on", done=begun.visited, places=places)
    else:
        st.markdown(t("occlusion.many", places=places, times=places / len(Square().offsets()) ** 2))
        label = t("occlusion.run", places=places)
    st.button(label, key="visit", on_click=_click, disabled=clicked, type="primary", icon=":material/play_arrow:")
    return bool(clicked)


def visit(asked: Asked, place: DeltaGenerator, line: DeltaGenerator) -> OcclusionMaps:
    """Compute the maps, showing meanwhile how they grow in one place and how far they are in another.

    Any click stops it, for the page then runs anew; what is there by then is kept for this visitor, and gone on with.
    """
    due, begun = every(_PREVIEW_SECONDS), stopped(asked)

    def show(done: int, places: int, maps: Callable[[], OcclusionMaps]) -> None:
        # First of all: drawing is where a click ends the run.
        _hold(asked, maps())
        line.progress(done / places, t("occlusion.progress", done=done, places=places))
        if due():
            draw(maps(), place)

    done = begun.visited if begun else 0
    line.progress(done / asked.places, t("occlusion.progress", done=done, places=asked.places))
    found = results.session().occlusion(
        view(),
        asked.class_index,
        square=asked.square,
        head=asked.head,
        resume=begun,
        progress=show,
        cancel=results.abandoned,
    )
    place.empty()
    kept = _keep(results.session(), view(), asked.square, asked.head, _found=found)
    if begun or stopped(asked):
        del st.session_state[_STOPPED]
    return kept


def draw(maps: OcclusionMaps, place: DeltaGenerator) -> None:
    """Show how far the map of the probability has come."""
    values = maps.probability
    limits = float(np.nanmin(values)), float(np.nanmax(values))
    drawn = render.enlarge(render.heat(values, selection().colormap, limits), results.SIDE)
    pixels(place, drawn, t("occlusion.preview_alt", name=class_name(maps.class_index)))


def _click() -> None:
    st.session_state[_CLICKED] = True


def _hold(asked: Asked, maps: OcclusionMaps) -> None:
    """Keep what there is of a run: one for each visitor, and a short one does not push out a longer one."""
    held: _Stopped | None = st.session_state.get(_STOPPED)
    if held is None or held.maps.label.size <= maps.label.size:
        st.session_state[_STOPPED] = _Stopped(_about(asked), maps)


def _about(asked: Asked) -> tuple[str, str, Square, str]:
    return results.session().info.checkpoint_id, digest(view()), asked.square, asked.head
