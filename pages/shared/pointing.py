"""Grid pointing on the page: a second sample pasted into each quadrant, and whether every map finds it there."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st
from PIL import Image

from pages.shared import exhibition, recipes, results
from pages.shared.evidence import Asked, Paint
from pages.shared.exhibits import Exhibit
from pages.shared.figures import Figure, figures
from pages.shared.occlusions import percent
from pages.shared.pictures import sample_picture, samples
from pages.shared.results import abandoned, cached
from pages.shared.state import selection, t, view
from pages.shared.widgets import class_name, controlled, paragraph
from zfnet import InferenceSession, crop, drawing, render
from zfnet.cam import quick
from zfnet.geometry import receptive_field
from zfnet.pointing import EDGES, Pointing, Trial, compose

_PASTED = "pasted"
# Of the samples, those that are recognised most often at half their size.
_CLEAREST = ("cathedral", "hot_air_balloon")
_SIDE, _TOP = 210, 5


@cached
def tried(session: InferenceSession, view: Image.Image, second: Image.Image, asked: Asked) -> Pointing:
    """Ask all methods for the second picture's class with it in every quadrant; the method of ``asked`` is of no
    account."""
    return session.pointing(
        view,
        second,
        methods=quick(asked.head, asked.layer),
        layer=asked.layer,
        head=asked.head,
        centred=asked.centred,
        cancel=abandoned,
    )


@cached
def drawn(
    session: InferenceSession, view: Image.Image, second: Image.Image, trial: Trial, *, asked: Asked, paint: Paint
) -> bytes:
    """Draw a composed picture with a method's map on it, the quadrant framed and the map's maximum marked."""
    pixels = drawing.pointing(
        np.asarray(compose(view, second, trial.quadrant)),
        trial,
        asked.method,
        receptive_field(session.info.config, asked.layer),
        colormap=paint.colormap,
        opacity=paint.opacity,
        side=results.SIDE,
    )
    return render.encode_png(pixels)


def show(asked: Asked, paint: Paint) -> None:
    """Let a second sample be pasted into every quadrant, and count the maps that point to it."""
    st.header(t("pointing.title"), anchor=False)
    paragraph(t("pointing.what"), st.caption)
    if not st.toggle(t("pointing.open"), key="pointing", persist_state="session"):
        return
    pasted = _second()
    second = crop(sample_picture(pasted))
    methods = quick(asked.head, asked.layer)
    shown = asked if asked.method in methods else replace(asked, method="gradcam")
    found = tried(results.session(), view(), second, replace(asked, method="gradcam"))
    pngs = [drawn(results.session(), view(), second, trial, asked=shown, paint=paint) for trial in found.trials]
    row = [_figure(found, trial, shown, png) for trial, png in zip(found.trials, pngs, strict=True)]
    figures(row, align="start")
    file, source = exhibition.source(pasted, "centre", 0.5).file, exhibition.source()
    exhibition.under(
        *(
            Exhibit(
                "pointing",
                f"pointing-{trial.quadrant}",
                *(of.png, of.alt, of.caption),
                recipes.pointing(source, file, trial.quadrant, shown, paint=paint),
            )
            for trial, of in zip(found.trials, row, strict=True)
        )
    )
    st.caption(t("pointing.caption", method=_name(shown.method)))
    _answer(found)
    st.table(_table(found, methods), border="horizontal", alt=t("pointing.table_alt"))
    paragraph(t("pointing.limits"), st.caption)


def _second() -> str:
    """Show the choice of what is pasted, all samples with a class but the one in hand; return its name."""
    language, known = selection().language, samples()
    names = [name for name, sample in known.items() if sample.classes and name != selection().image]
    wanted = st.session_state.get(_PASTED)
    value = wanted if wanted in names else next(name for name in _CLEAREST if name in names)

    def change(name: str) -> None:
        st.session_state[_PASTED] = name

    # Streamlit keeps the words of a choice once made: another language is another box.
    controlled(
        st.selectbox,
        t("pointing.second"),
        key=f"choose_pasted_{language}",
        value=value,
        change=change,
        options=names,
        format_func=lambda name: known[name].title(language),
        width=360,
    )
    return value


def _figure(found: Pointing, trial: Trial, asked: Asked, png: bytes) -> Figure:
    name, quadrant = class_name(found.class_index), t(f"pointing.at_{trial.quadrant}")
    kind = "nowhere" if trial.points[asked.method] is None else "hit" if trial.hit(asked.method) else "miss"
    alt = t("pointing.alt", name=name, quadrant=quadrant, method=_name(asked.method))
    small = t("pointing.rank", rank=trial.rank, probability=percent(trial.probability))
    return Figure(png, alt, f"{quadrant}: {t(f'pointing.verdict_{kind}')}", small, _SIDE)


def _answer(found: Pointing) -> None:
    """Say whether the network recognises what was pasted: without that, a miss blames no map."""
    if found.class_index == found.other:
        st.warning(t("pointing.same", name=class_name(found.other)))
        return
    recognised = found.recognised(_TOP)
    values = {"name": class_name(found.class_index), "alone": percent(found.alone), "top": _TOP}
    if recognised:
        st.markdown(t("pointing.recognised", count=recognised, **values))
    else:
        st.warning(t("pointing.unrecognised", **values))


def _table(found: Pointing, methods: Sequence[str]) -> dict[str, list[str]]:
    """Return the hits of every map, and how often it points there when asked for the other class as well."""
    count = {"count": len(found.trials)}
    return {
        t("pointing.column_map"): [*map(_name, methods), t("belief.order_edges"), t("belief.order_random")],
        t("pointing.column_hits", name=class_name(found.class_index)): [
            *(t("pointing.hits", hits=found.hits(method), **count) for method in (*methods, EDGES)),
            t("pointing.on_average"),
        ],
        t("pointing.column_strays", name=class_name(found.other)): [
            *(t("pointing.hits", hits=found.strays(method), **count) for method in methods),
            # What knows no class points to the same place for each.
            t("pointing.hits", hits=found.hits(EDGES), **count),
            t("pointing.on_average"),
        ],
    }


def _name(method: str) -> str:
    return t(f"gradcam.method_{method.replace('+', 'p')}")
