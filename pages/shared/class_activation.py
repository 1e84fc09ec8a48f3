"""The parts of the Grad-CAM page: one class, every method, two classes on one scale, the channels."""

import html

import numpy as np
import streamlit as st

from pages.shared import evidence as of
from pages.shared import recipes, results
from pages.shared.charts import bars
from pages.shared.clickable import data_url
from pages.shared.evidence import Asked, Evidence, Paint
from pages.shared.exhibition import show, source, under
from pages.shared.exhibits import Exhibit
from pages.shared.figures import Figure, figures
from pages.shared.places import strongest
from pages.shared.probe import pane, probe
from pages.shared.state import select, selection, t, view
from pages.shared.widgets import choose, choose_any_class, choose_colours, choose_head, class_name, picture, top_classes
from zfnet.cam import quick
from zfnet.geometry import SPATIAL, receptive_field
from zfnet.plate import Scale
from zfnet.similarity import rank_correlation

_TOLD = ("row", "column", "value", "top", "bottom", "left", "right")
# Below this rank correlation the page says that two methods disagree.
_DISAGREE = 0.3
_BARS, _COUNTS = 16, (1, 2, 4, 8, 16, 32, 64, 128, 256)


def controls() -> tuple[Asked, Paint]:
    """Show what can be asked for and how it is painted; return what is chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        choose_head()
        choose(
            st.segmented_control,
            "centred",
            t("gradcam.score"),
            options=[True, False],
            format_func=lambda centred: t("gradcam.score_centred" if centred else "gradcam.score_logit"),
            required=True,
            help=t("gradcam.score_help"),
        )
        choose(
            st.segmented_control,
            "method",
            t("gradcam.method"),
            options=quick(selection().head, selection().evidence_layer),
            format_func=lambda method: t(f"gradcam.method_{method.replace('+', 'p')}"),
            required=True,
            help=t("gradcam.method_help"),
        )
        layers = SPATIAL if selection().head == "fc" else SPATIAL[: SPATIAL.index("conv5") + 1]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        choose(st.selectbox, "evidence_layer", t("gradcam.layer"), options=list(layers), width=120)
        choose_colours()
        opacity = st.slider(
            t("gradcam.opacity"), 0.0, 1.0, 0.7, 0.05, key="opacity", persist_state="session", width=200
        )
        line = st.slider(
            t("gradcam.contour"),
            0.0,
            1.0,
            0.5,
            0.05,
            key="contour",
            persist_state="session",
            width=200,
            help=t("gradcam.contour_help"),
        )
    now, known = selection(), results.session().info.evaluation
    if now.head == "gap" and "gap_nips" in known:
        st.caption(t("gradcam.gap_accuracy", top5=known["gap_nips"]["top5"], other=known["nips"]["top5"]))
    if now.evidence_layer != "conv5":
        st.caption(t("gradcam.other_layer", layer=now.evidence_layer))
    if now.method == of.CLASSLESS:
        st.caption(t("gradcam.classless"))
    return Asked(now.method, now.evidence_layer, now.head, now.centred), Paint(now.colormap, opacity, line)


def one_class(index: int, asked: Asked, paint: Paint) -> None:
    """Show the evidence for a class on the picture, and cell by cell with its numbers."""
    backend, name = results.session(), class_name(index)
    found = of.evidence(backend, view(), index, asked)
    blink = st.toggle(t("gradcam.blink"), key="blink", persist_state="session")
    laid = of.overlay(backend, view(), found, asked.layer, paint=paint, end=found.high)
    overlay, cells = st.columns([1, 1.6], gap="medium")
    classless, alt = asked.method == of.CLASSLESS, t("gradcam.overlay_alt", name=name, where=strongest(found.values))
    words = {"name": name, "method": _method(asked.method)}
    caption = t("gradcam.classless_caption" if classless else "gradcam.overlay_caption", **words)
    with overlay:
        if blink:
            st.html(_blinking(laid, results.plain(view()), alt))
        else:
            picture(laid, alt)
        st.caption(caption)
    with cells:
        _cells(found, asked, paint, name)
    top, scale = top_classes(asked.head), Scale(paint.colormap, 0.0, found.high, t("gradcam.scale"))
    raw = of.raw(found, paint.colormap, found.high)
    cells_alt = t("gradcam.map_alt", name=name, where=strongest(found.values))
    under(
        Exhibit(
            "evidence",
            f"{asked.method}-{index}",
            laid,
            *(alt, caption),
            recipes.evidence(source(), index, asked, paint, top=top),
            scale,
            lambda: {"values": found.values},
        ),
        Exhibit(
            "evidence",
            f"{asked.method}-{index}-cells",
            raw,
            *(cells_alt, t("gradcam.map_caption", layer=asked.layer)),
            recipes.evidence_cells(source(), index, asked, paint, top=top),
            scale,
        ),
    )
    if found.high > 0:
        bar = t("gradcam.classless_bar" if classless else "gradcam.bar_caption", high=found.high)
        picture(results.colour_bar(paint.colormap), t("gradcam.bar_alt"), bar)
        row, column = found.strongest
        if classless:
            st.markdown(t("gradcam.classless_summary", row=row, column=column))
        else:
            _sentence(index, found, row, column)
    else:
        st.info(t("gradcam.flat", name=name, layer=asked.layer))
        if not asked.centred:
            st.button(t("gradcam.to_centred"), on_click=select, kwargs={"centred": True}, type="primary")


def _sentence(index: int, found: Evidence, row: int, column: int) -> None:
    share = float((found.values > 0).mean())
    st.markdown(t("gradcam.summary", name=class_name(index), row=row, column=column, share=share))


def _cells(found: Evidence, asked: Asked, paint: Paint, name: str) -> None:
    backend = results.session()
    config = backend.info.config
    if found.high > 0:
        alt = t("gradcam.map_alt", name=name, where=strongest(found.values))
        words = alt, t("gradcam.map_caption", layer=asked.layer)
    else:
        words = t("gradcam.flat_alt", name=name), t("gradcam.flat_caption", low=f"{found.low:.2g}".replace("-", "−"))
    now = selection()
    chosen = now.position if now.layer == asked.layer else None
    probe(
        np.maximum(found.values, 0) if found.high > 0 else found.values,
        [
            pane(of.raw(found, paint.colormap, found.high), *words, seen=False),
            pane(results.plain(view()), t("gradcam.seen_alt"), t("gradcam.seen_caption"), seen=True, smooth=True),
        ],
        field=receptive_field(config, asked.layer),
        side=config.input_size,
        told=t("gradcam.told", **{key: f"{{{key}}}" for key in _TOLD}),
        help=t("feature_maps.probe_help"),
        key="evidence",
        on_click=lambda cell: select(layer=asked.layer, position=cell, start="cell"),
        kept=chosen or (found.strongest if found.high > 0 else None),
    )


def every_method(index: int, asked: Asked, paint: Paint) -> None:
    """Show all methods side by side, each on its own scale."""
    backend, shown, exhibits, top = results.session(), [], [], top_classes(asked.head)
    for method in quick(asked.head, asked.layer):
        ask = Asked(method, asked.layer, asked.head, asked.centred)
        found = of.evidence(backend, view(), index, ask)
        laid = of.overlay(backend, view(), found, ask.layer, paint=paint, end=found.high)
        where = strongest(found.values)
        alt = t("gradcam.every_alt", method=_method(method), name=class_name(index), where=where)
        end = t("gradcam.every_classless" if method == of.CLASSLESS else "gradcam.every_end", high=found.high)
        shown.append(Figure(laid, alt, _method(method), end, 160))
        recipe = recipes.evidence_methods(source(), index, ask, paint, top=top)
        scale = Scale(paint.colormap, 0.0, found.high, t("gradcam.scale"))
        exhibits.append(Exhibit("evidence_methods", f"all-{method}", laid, alt, _method(method), recipe, scale))
    st.header(t("gradcam.every"), anchor=False)
    figures(shown)
    st.caption(t("gradcam.every_caption"))
    under(*exhibits)
    two = [
        of.evidence(backend, view(), index, Asked(method, asked.layer, asked.head, asked.centred)).values
        for method in ("gradcam", "hirescam")
    ]
    alike = rank_correlation(*two)
    if alike is not None and alike < _DISAGREE:
        st.warning(t("gradcam.disagree", correlation=f"{alike:.2f}".replace("-", "−")))


def compare(index: int, asked: Asked, paint: Paint) -> None:
    """Show two classes on one scale."""
    backend = results.session()
    st.header(t("gradcam.compare"), anchor=False)
    choose_any_class("rival", t("gradcam.rival"), t("gradcam.rival_none"), width=360)
    rival = selection().rival
    if rival is None:
        second = results.classification(backend, view(), asked.head).classes[1].index
        rival = second if second != index else results.classification(backend, view(), asked.head).classes[0].index
    both = {i: of.evidence(backend, view(), i, asked) for i in (index, rival)}
    end = max(found.high for found in both.values())
    if end <= 0:
        st.info(t("gradcam.both_flat", layer=asked.layer))
        return
    for place, (i, found) in zip(st.columns(2, gap="medium"), both.items(), strict=False):
        laid = of.overlay(backend, view(), found, asked.layer, paint=paint, end=end)
        with place:
            values = {"name": class_name(i), "high": found.high, "end": end}
            alt = t("gradcam.overlay_alt", name=class_name(i), where=strongest(found.values))
            other = rival if i == index else index
            recipe = recipes.rivals(source(), (i, other), asked, paint, top=top_classes(asked.head))
            scale = Scale(paint.colormap, 0.0, end, t("gradcam.scale"))
            show(Exhibit("rivals", f"rival-{i}", laid, alt, t("gradcam.compare_caption", **values), recipe, scale))
    st.caption(t("gradcam.compare_limits"))


def take_apart(index: int, asked: Asked, paint: Paint) -> None:
    """Show the channels that a Grad-CAM is made of, and how much of it some of them explain."""
    backend, name = results.session(), class_name(index)
    asked = Asked("gradcam", asked.layer, asked.head, asked.centred)
    found = of.parts(backend, view(), index, asked)
    ranked, heights = found.ranked()[:_BARS].tolist(), found.parts
    st.header(t("gradcam.parts"), anchor=False)
    st.caption(t("gradcam.parts_caption", layer=asked.layer))
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        bars(
            [float(heights[k]) for k in ranked],
            labels=[f"{asked.layer}:{k}" for k in ranked],
            selected=ranked.index(selection().channel)
            if (selection().layer, selection().channel) in ((asked.layer, k) for k in ranked)
            else -1,
            axes=(t("gradcam.parts_axis", count=len(ranked)), t("gradcam.parts_value")),
            alt=t("gradcam.parts_alt", name=name),
            key="parts",
            on_click=lambda i: select(layer=asked.layer, channel=ranked[i]),
        )
        with st.container(horizontal=True):
            first = f"{asked.layer}:{ranked[0]}"
            chosen = selection().layer == asked.layer and selection().channel in ranked
            unit = f"{asked.layer}:{selection().channel}" if chosen else first
            if not chosen:
                st.button(
                    t("gradcam.to_strongest", unit=first),
                    on_click=select,
                    kwargs={"layer": asked.layer, "channel": ranked[0]},
                )
            else:
                st.page_link("../feature_maps.py", label=t("gradcam.to_map", unit=unit), icon=":material/grid_view:")
                st.page_link("../deconvnet.py", label=t("gradcam.to_projection", unit=unit), icon=":material/undo:")
    with right:
        total = len(heights)
        counts = [*(n for n in _COUNTS if n < total), total]
        count = st.select_slider(t("gradcam.count", total=total), counts, 64, key="count", persist_state="session")
        some = of.partial(backend, view(), index, asked, count=count)
        end = of.evidence(backend, view(), index, asked).high
        if end <= 0:
            st.info(t("gradcam.parts_flat"))
            return
        laid = of.overlay(backend, view(), some, asked.layer, paint=paint, end=end)
        values = {"count": count, "total": total, "share": found.share(count)}
        words = (
            t("gradcam.partial_alt", name=name, count=count, where=strongest(some.values)),
            t("gradcam.partial_caption", **values),
        )
        recipe = recipes.evidence_parts(source(), index, asked, paint, count=count, top=top_classes(asked.head))
        scale = Scale(paint.colormap, 0.0, end, t("gradcam.scale"))
        show(Exhibit("evidence_parts", f"parts-{index}", laid, *words, recipe, scale))


def _blinking(laid: bytes, plain: bytes, alt: str) -> str:
    """Return the overlay, shown and hidden in turn once a second; it stays where no motion is wanted."""
    return (
        "<style>.blink { position: relative; line-height: 0; } .blink img { width: 100%; border-radius: 4px; }"
        ".blink img + img { position: absolute; inset: 0; animation: blink 2s steps(1) infinite; }"
        "@keyframes blink { 50% { opacity: 0; } }"
        "@media (prefers-reduced-motion: reduce) { .blink img + img { animation: none; } }</style>"
        f"<div class='blink'><img src='{data_url(plain)}' alt=''>"
        f"<img src='{data_url(laid)}' alt='{html.escape(alt, quote=True)}'></div>"
    )


def _method(method: str) -> str:
    return t(f"gradcam.method_{method.replace('+', 'p')}")
