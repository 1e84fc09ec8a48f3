"""One activation carried back down to the pixels that caused it, and the way there."""

import numpy as np
import streamlit as st

from pages.shared import projections, recipes, results, sanity
from pages.shared.clickable import clickable
from pages.shared.exhibition import show, source, under
from pages.shared.exhibits import Exhibit
from pages.shared.figures import Figure, figures
from pages.shared.state import select, selection, t, view
from pages.shared.unit_map import unit_map
from pages.shared.widgets import controlled, paragraph, picture, unit
from zfnet import Unit
from zfnet.geometry import SPATIAL
from zfnet.plate import Scale
from zfnet.saliency import METHODS

backend, current, chosen = results.session(), view(), unit()
channel = f"{chosen.layer}:{chosen.channel}"
look = results.Look(colormap=selection().colormap)


def choose_start() -> None:
    """Show the choice of what is projected: the strongest cell, the chosen one, nine units, or the whole map."""

    def change(to: str) -> None:
        if to in ("nine", "map"):
            select(start=to)
        else:
            strongest = results.field(backend, current, Unit(chosen.layer, chosen.channel)).position
            select(start="cell", channel=chosen.channel, position=strongest if to == "position" else None)

    at_cell = "strongest" if chosen.position is None else "position"
    controlled(
        st.segmented_control,
        t("deconvnet.start"),
        key="choose_start",
        value=at_cell if selection().start == "cell" else selection().start,
        change=change,
        options=["strongest", "position", "nine", "map"],
        format_func=lambda name: t(f"deconvnet.start_{name}"),
        required=True,
    )


def nine() -> None:
    """Show the layer's nine strongest units, each beside what it looked at."""
    found = projections.nine_strongest(backend, current, chosen.layer)
    labels = [
        t("deconvnet.nine_label", unit=u, activation=value)
        for u, value in zip(found.units, found.activations, strict=True)
    ]
    clickable(
        found.sheet,
        labels,
        3,
        tile=(2 * projections.PAIR, projections.PAIR),
        gap=12,
        captions=labels,
        key="nine",
        alt=t("deconvnet.nine_alt", layer=chosen.layer),
        on_click=lambda i: select(channel=found.units[i].channel, start="cell"),
    )
    words = t("deconvnet.nine_alt", layer=chosen.layer), t("deconvnet.nine_caption", layer=chosen.layer)
    st.caption(words[1])
    under(Exhibit("nine", f"nine-{chosen.layer}", found.sheet, *words, recipes.nine(source(), chosen.layer)))


def one(whole_map: bool) -> None:
    """Show one projection, what the unit looked at at the same scale, and the way from the one to the other."""
    # With its cell from here on: everything below is then about one and the same unit, and computed once.
    position = None if whole_map else results.field(backend, current, chosen).position
    at = Unit(chosen.layer, chosen.channel, position)
    found = projections.projection(backend, current, at, whole_map=whole_map)
    where, seen = st.columns([1, 2], gap="medium")
    with where:
        unit_map(chosen, look, None if whole_map else found.position)
    with seen:
        if found.activation <= 0:
            silent(found.position)
            return
        looked, projected = st.columns(2, gap="medium")
        saw, drove = patches(at, found, whole_map)
        with looked:
            picture(saw.png, saw.alt, saw.caption)
        with projected:
            picture(drove.png, drove.alt, drove.caption)
        under(drove, saw)
        if whole_map:
            st.warning(t("deconvnet.whole_map"))
            return
        row, column = found.position or (0, 0)
        st.markdown(t("deconvnet.seed", unit=channel, row=row, column=column, activation=found.activation))
        down = projections.descent(backend, current, at)
        st.header(t("deconvnet.way"), anchor=False)
        count = down.stages[0].shape[0]
        start = {"seed": results.number(down.seed), "count": count, "rms": down.seed / count**0.5}
        st.caption(t("deconvnet.way_caption", **start))
        shown = [thumbnail(stage) for stage in down.stages]
        figures(shown)
        under(
            *(
                Exhibit(
                    "descent", f"descent-{at}-{i}", of.png, of.alt, of.caption, recipes.descent(source(), at, stage=i)
                )
                for i, of in enumerate(shown)
            )
        )
    if down.switches:
        switches(at, down)
    sanity.show_overwriting(at)
    rules(at, found)
    sanity.show_permuted_projections(at)


def patches(at: Unit, found: projections.ProjectionPictures, whole_map: bool) -> tuple[Exhibit, Exhibit]:
    """Return what a unit looked at, and its projection."""
    told = {"unit": channel, "activation": results.rounded(found.activation)}
    scale = Scale("grey", -found.limit, found.limit, t("deconvnet.scale"))

    def arrays() -> dict[str, np.ndarray]:
        return {"pixels": projections.projected(backend, current, at, whole_map=whole_map).pixels}

    return (
        Exhibit(
            "projection",
            f"saw-{at}",
            found.input_patch,
            t("deconvnet.input_alt", unit=channel),
            t("deconvnet.input_caption"),
            recipes.input_patch(source(), at, whole_map=whole_map),
        ),
        Exhibit(
            "projection",
            f"projection-{at}",
            found.patch,
            t("deconvnet.patch_alt", **told),
            t("deconvnet.patch_caption", limit=found.limit),
            recipes.projection(source(), at, whole_map=whole_map),
            scale,
            arrays,
        ),
    )


def silent(position: tuple[int, int] | None) -> None:
    """Say why there is nothing to project."""
    if position is None:
        strongest = results.ranking(backend, current, chosen.layer).channels[0]
        st.info(t("frame.silent", unit=channel, strongest=f"{chosen.layer}:{strongest}"))
    else:
        row, column = position
        st.info(t("deconvnet.silent_cell", unit=channel, row=row, column=column))
        st.button(t("deconvnet.to_strongest"), on_click=select, kwargs={"position": None})


def thumbnail(stage: projections.StagePicture) -> Figure:
    """Return what an operation leaves, with its name, and where and how large that is."""
    where = t("deconvnet.stage_at_input") if stage.at == "input" else stage.at
    count, side, _ = stage.shape
    return Figure(
        stage.strength,
        t("deconvnet.stage_alt", at=where),
        t(f"deconvnet.stage_{stage.operation}", layer=stage.layer),
        t("deconvnet.stage_size", where=where, count=count, side=side, peak=stage.peak),
    )


def switches(at: Unit, down: projections.WayDown) -> None:
    """Show where the poolings on the way found their maxima, and where the signal comes back."""
    st.header(t("deconvnet.switches"), anchor=False)
    for i, (place, pool) in enumerate(zip(st.columns(3, gap="medium"), down.switches, strict=False)):
        with place:
            values = {"layer": pool.layer, "channel": pool.channel, "count": pool.arriving, "of": pool.channels}
            words = t("deconvnet.switches_alt", **values), t("deconvnet.switches_caption", **values)
            recipe = recipes.switches(source(), at, i)
            show(Exhibit("switches", f"switches-{pool.layer}-{pool.channel}", pool.drawn, *words, recipe))
    st.caption(t("deconvnet.overlap"))


def rules(of: Unit, found: projections.ProjectionPictures) -> None:
    """Show what the other rules at a ReLU would give for the same cell."""
    st.header(t("deconvnet.rules"), anchor=False)
    ways = {"deconvnet": (found.patch, found.limit)}
    ways |= {method: projections.saliency(backend, current, of, method) for method in METHODS}
    for place, (rule, (png, limit)) in zip(st.columns(3, gap="medium"), ways.items(), strict=True):
        with place:
            alt = t("deconvnet.rule_alt", rule=t(f"deconvnet.rule_name_{rule}"), unit=of)
            recipe = recipes.projection(source(), of) if rule == "deconvnet" else recipes.saliency(source(), of, rule)
            scale = Scale("grey", -limit, limit, t("deconvnet.scale"))
            caption = t(f"deconvnet.rule_{rule}", limit=limit)
            show(Exhibit("saliency", f"{rule}-{of}", png, alt, caption, recipe, scale))
    # Below conv1's own there is no other ReLU.
    st.caption(t("deconvnet.rules_alike" if of.layer in ("conv1", "pool1") else "deconvnet.rules_caption"))


paragraph(t("deconvnet.what"))
paragraph(t("frame.limits", text=t("deconvnet.limits")), st.caption)
if chosen.layer not in SPATIAL:
    st.info(t("deconvnet.no_map", layer=chosen.layer))
    st.button(t("deconvnet.to_conv5"), on_click=select, kwargs={"layer": "conv5"})
else:
    choose_start()
    if selection().start == "cell" and chosen.position:
        st.caption(t("deconvnet.choose_cell"))
    if selection().start == "nine":
        nine()
    else:
        one(selection().start == "map")
        link = t("deconvnet.to_maximization", unit=channel)
        st.page_link("../maximization.py", label=link, icon=":material/auto_awesome:")
if chosen.layer in SPATIAL and selection().start == "cell":
    paragraph(t("frame.how", text=t("deconvnet.how")), st.caption)
