"""The parts of the DeconvNet page: nine units, every operation on the way down, the switches, the other rules."""

from functools import partial

import streamlit as st

from pages.shared import projections, recipes, results
from pages.shared.clickable import clickable
from pages.shared.exhibition import show, source, under
from pages.shared.exhibits import Exhibit
from pages.shared.figures import Figure, figures
from pages.shared.state import select, t, view
from zfnet import Unit
from zfnet.plate import Scale
from zfnet.saliency import METHODS


def nine(layer: str) -> None:
    """Show the layer's nine strongest units, each beside what it looked at."""
    found = projections.nine_strongest(results.session(), view(), layer)
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
        alt=t("deconvnet.nine_alt", layer=layer),
        on_click=lambda i: select(channel=found.units[i].channel, start="cell"),
    )
    words = t("deconvnet.nine_alt", layer=layer), t("deconvnet.nine_caption", layer=layer)
    st.caption(words[1])
    under(Exhibit("nine", f"nine-{layer}", found.sheet, *words, recipes.nine(source(), layer)))


def way_down(at: Unit) -> None:
    """Show every operation on the way from a unit's cell to the pixels, and where the poolings found their maxima."""
    down = projections.descent(results.session(), view(), at)
    st.header(t("deconvnet.way"), anchor=False)
    count = down.stages[0].shape[0]
    start = {"seed": results.number(down.seed), "count": count, "rms": down.seed / count**0.5}
    st.caption(t("deconvnet.way_caption", **start))
    shown = [_thumbnail(stage) for stage in down.stages]
    figures(shown)
    recipe = partial(recipes.descent, source(), at)
    under(
        *(
            Exhibit("descent", f"descent-{i}-{at}", of.png, of.alt, of.caption, recipe(stage=i))
            for i, of in enumerate(shown)
        )
    )


def switches(at: Unit) -> None:
    """Show where the poolings on the way found their maxima, and where the signal comes back."""
    down = projections.descent(results.session(), view(), at)
    if not down.switches:
        return
    st.header(t("deconvnet.switches"), anchor=False)
    for i, (place, pool) in enumerate(zip(st.columns(3, gap="medium"), down.switches, strict=False)):
        with place:
            values = {"layer": pool.layer, "channel": pool.channel, "count": pool.arriving, "of": pool.channels}
            words = t("deconvnet.switches_alt", **values), t("deconvnet.switches_caption", **values)
            recipe = recipes.switches(source(), at, i)
            show(Exhibit("switches", f"switches-{pool.layer}-{pool.channel}", pool.drawn, *words, recipe))
    st.caption(t("deconvnet.overlap"))


def rules(of: Unit) -> None:
    """Show what the other rules at a ReLU would give for the same cell."""
    found = projections.projection(results.session(), view(), of, whole_map=False)
    st.header(t("deconvnet.rules"), anchor=False)
    ways = {"deconvnet": (found.patch, found.limit)}
    ways |= {method: projections.saliency(results.session(), view(), of, method) for method in METHODS}
    for place, (rule, (png, limit)) in zip(st.columns(3, gap="medium"), ways.items(), strict=True):
        with place:
            alt = t("deconvnet.rule_alt", rule=t(f"deconvnet.rule_name_{rule}"), unit=of)
            recipe = recipes.projection(source(), of) if rule == "deconvnet" else recipes.saliency(source(), of, rule)
            scale = Scale("grey", -limit, limit, t("deconvnet.scale"))
            caption = t(f"deconvnet.rule_{rule}", limit=limit)
            show(Exhibit("saliency", f"{rule}-{of}", png, alt, caption, recipe, scale))
    # Below conv1's own there is no other ReLU.
    st.caption(t("deconvnet.rules_alike" if of.layer in ("conv1", "pool1") else "deconvnet.rules_caption"))


def _thumbnail(stage: projections.StagePicture) -> Figure:
    """Return what an operation leaves, with its name, and where and how large that is."""
    where = t("deconvnet.stage_at_input") if stage.at == "input" else stage.at
    count, side, _ = stage.shape
    return Figure(
        stage.strength,
        t("deconvnet.stage_alt", at=where),
        t(f"deconvnet.stage_{stage.operation}", layer=stage.layer),
        t("deconvnet.stage_size", where=where, count=count, side=side, peak=stage.peak),
    )
