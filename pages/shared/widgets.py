"""Small parts that several pages use: fields of the selection as widgets, pictures with their words, the network's
answer."""

import html
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.clickable import clickable
from pages.shared.glossary import linked
from pages.shared.pictures import sample_picture, samples
from pages.shared.results import classification, dimmed, filters, ranking, session, strip
from pages.shared.state import select, selection, t, uploads, view
from zfnet import Unit
from zfnet.geometry import shapes
from zfnet.render import UNSIGNED

FILTER_COLUMNS = 16
_STRIP_COLUMNS, _STRIP_TILE = 5, 45


def choose(widget: Callable[..., Any], field: str, label: str, *, place: str = "", **options: Any) -> None:
    """Show a widget that holds one field of the selection: it follows the selection and changes it.

    Args:
        widget: one of Streamlit's input functions.
        field: the name of the selection's field.
        label: what the widget is called.
        place: tells two widgets for one field apart.
        **options: what the widget takes besides.
    """
    value = getattr(selection(), field)

    def change(chosen: Any) -> None:
        select(**{field: chosen})

    controlled(widget, label, key=f"choose_{field}{place}", value=value, change=change, **options)


def controlled(
    widget: Callable[..., Any], label: str, *, key: str, value: object, change: Callable[[Any], None], **options: Any
) -> None:
    """Show a widget with a value; ``change`` is called with another one when somebody chooses it."""
    # Set even if it is equal: the browser may have missed the last run, which a click cut short, and would then send
    # the widget's default back as if somebody had chosen it.
    st.session_state[key] = value
    widget(label, key=key, on_change=lambda: change(st.session_state[key]), **options)


def choose_any_class(field: str, label: str, placeholder: str, **options: Any) -> None:
    """Show all classes to choose from for one field of the selection; they are searched by name in both languages."""
    labels, language = session().info.labels, selection().language
    choose(
        st.selectbox,
        field,
        label,
        # Streamlit keeps the words of a choice once made: another language is another box.
        place=language,
        options=list(range(len(labels))),
        format_func=lambda i: labels.both(i, language),
        placeholder=placeholder,
        index=None,
        **options,
    )


def thumbnails(chosen: str, *, key: str, alt: str, on_click: Callable[[str], None]) -> None:
    """Show samples and uploads as one strip with one of them marked; ``on_click`` gets the id of the clicked one."""
    sent, language = uploads(), selection().language
    names = [*sent, *samples()]
    shown = (sent[name].picture if name in sent else sample_picture(name) for name in names)
    clickable(
        strip(tuple(names), _STRIP_COLUMNS, shown),
        [sent[n].name if n in sent else samples()[n].title(language) for n in names],
        _STRIP_COLUMNS,
        tile=(_STRIP_TILE, _STRIP_TILE),
        smooth=True,
        key=key,
        alt=alt,
        on_click=lambda i: on_click(names[i]),
        selected=names.index(chosen) if chosen in names else -1,
    )


def first_filters(channel: int, *, key: str, tile: int, alt: str) -> None:
    """Show the filters of conv1 with one of them marked, none for -1; a click selects the filter on every page."""
    backend = session()
    clickable(
        filters(backend, "conv1", FILTER_COLUMNS),
        [f"conv1:{i}" for i in range(shapes(backend.info.config)["conv1"][0])],
        FILTER_COLUMNS,
        tile=(tile, tile),
        key=key,
        alt=alt,
        on_click=lambda i: select(layer="conv1", channel=i),
        selected=channel,
    )


def choose_colours() -> None:
    """Show the choice of colours for maps without a sign."""
    choose(
        st.segmented_control,
        "colormap",
        t("feature_maps.colours"),
        options=list(UNSIGNED),
        format_func=lambda name: t(f"colours.{name}"),
        required=True,
    )


def choose_head() -> None:
    """Show the choice of the classifier that answers."""
    choose(
        st.segmented_control,
        "head",
        t("gradcam.head"),
        options=list(session().info.heads),
        format_func=lambda head: t(f"gradcam.head_{head}"),
        required=True,
        help=t("gradcam.head_help"),
    )


def choose_class(label: str) -> None:
    """Show the five most probable classes as buttons; the one that is looked at stands out."""
    shown = class_index()
    st.caption(label)
    with st.container(horizontal=True):
        for score in classification(session(), view(), selection().head).classes:
            st.button(
                f"{class_name(score.index)} · {score.probability:.1%}",
                key=f"class_{score.index}",
                type="primary" if score.index == shown else "secondary",
                on_click=select,
                kwargs={"class_index": score.index},
            )


def picture(png: bytes, alt: str, caption: str | None = None) -> None:
    """Show a picture as wide as its place, with a text for those who cannot see it."""
    # Without a format named, Streamlit would send it as JPEG, which smears maps and shifts colours.
    st.image(png, caption=caption, alt=alt, width="stretch", output_format="PNG")


def drawing(png: bytes, alt: str, caption: str | None = None) -> None:
    """Show a drawing on white, which does not glare where the page is dark."""
    if st.context.theme.type == "dark":
        png = dimmed(png)
    picture(png, alt, caption)


def pixels(place: DeltaGenerator, image: np.ndarray, alt: str) -> None:
    """Show pixels, uint8 (H, W, 3), in a place of their own."""
    place.image(image, alt=alt, width="stretch", output_format="PNG")


def every(seconds: float) -> Callable[[], bool]:
    """Return a function that is true at its first call, and then once in so many seconds."""
    last = float("-inf")

    def due() -> bool:
        nonlocal last
        if monotonic() - last < seconds:
            return False
        last = monotonic()
        return True

    return due


def class_name(index: int) -> str:
    """Return a class's name in the selected language."""
    return session().info.labels.name(index, selection().language)


def class_index() -> int:
    """Return the selected class, or the most probable one."""
    chosen = selection().class_index
    return classification(session(), view(), selection().head).classes[0].index if chosen is None else chosen


def top_classes(head: str) -> tuple[int, ...]:
    """Return the five most probable classes, the first one first."""
    return tuple(score.index for score in classification(session(), view(), head).classes)


def answer() -> None:
    """Show the five most probable classes as bars, and say so where they are not those of the main classifier."""
    scores = classification(session(), view(), selection().head).classes
    shares([(class_name(score.index), score.probability) for score in scores])
    if selection().head == "gap":
        st.caption(t("frame.by_gap"))


def shares(named: Sequence[tuple[str, float]]) -> None:
    """Show names with their shares of one as bars."""
    tallies([(name, share, f"{share:.1%}") for name, share in named])


def tallies(rows: Sequence[tuple[str, float, str]]) -> None:
    """Show names with bars, each as long as a share of one, and with what is told at their ends."""
    items = "".join(
        f"<li><span class='bar' style='width: {share:.1%}'></span>"
        f"<span>{html.escape(name)}</span><span>{html.escape(told)}</span></li>"
        for name, share, told in rows
    )
    st.html(f"<ol class='answer'>{items}</ol>")


def paragraph(said: str, show: Callable[[str], object] = st.markdown) -> None:
    """Show a text whose terms lead to the glossary."""
    show(linked(said, selection().language))


def reading(page: str) -> None:
    """Say how to read the pictures of a page, and what they cannot say."""
    how, limits = st.columns(2, gap="medium")
    paragraph(t("frame.how", text=t(f"{page}.how")), how.caption)
    paragraph(t("frame.limits", text=t(f"{page}.limits")), limits.caption)


def unit() -> Unit:
    """Return the selected unit; where none is chosen, the channel that answers most strongly to the view."""
    chosen = selection()
    if chosen.channel is not None:
        return Unit(chosen.layer, chosen.channel, chosen.position)
    return Unit(chosen.layer, ranking(session(), view(), chosen.layer).channels[0], chosen.position)
