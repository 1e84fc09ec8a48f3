"""Two sanity checks beside the pictures: unpooling that overwrites, and the same picture from permuted weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from pages.shared import exhibition, recipes, results
from pages.shared.evidence import Asked
from pages.shared.exhibits import Exhibit, Recipe
from pages.shared.figures import Figure, figures
from pages.shared.projections import SIDE, cut, projected, projection
from pages.shared.results import abandoned, cached, large
from pages.shared.state import select, selection, t, view
from pages.shared.widgets import class_name
from zfnet import InferenceSession, Unit, render
from zfnet.overwriting import Lost
from zfnet.randomisation import cascade
from zfnet.similarity import rank_correlation

# Counting takes up to 0.3 seconds in these layers, a second or more in the others.
_COUNTED_AT_ONCE = ("conv1", "pool1", "conv2", "pool2", "conv3", "pool5")
# What a row of figures takes together, in CSS pixels; each has 10 beside it.
_WIDTH, _WIDEST = 792, 128
_SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class Overwritten:
    """One cell projected by overwriting, within its receptive field, and how it correlates with the one by adding."""

    drawn: bytes
    correlation: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """The same picture with one layer more permuted, none at first, and its correlation with the first."""

    permuted: tuple[str, ...]
    drawn: bytes
    correlation: float | None


@cached
def overwritten(session: InferenceSession, view: Image.Image, unit: Unit) -> Overwritten:
    """Project one cell the wrong way, in the colours of the right one."""
    right = projected(session, view, unit, whole_map=False)
    limit = projection(session, view, unit, whole_map=False).limit
    (found,) = session.overwriting(view, [unit], cancel=abandoned)
    wrong = cut(found.pixels, right.box)
    return Overwritten(large(render.signed_pixels(wrong, limit), SIDE), rank_correlation(right.pixels, wrong))


@cached
def lost(session: InferenceSession, view: Image.Image, layer: str) -> Lost:
    """Count what overwriting leaves blank in a layer."""
    return session.lost(view, layer, cancel=abandoned)


@cached
def permuted_projections(session: InferenceSession, view: Image.Image, unit: Unit, seed: int) -> tuple[Step, ...]:
    """Project one cell from the same value through more and more permuted layers."""
    (own,) = session.deconvnet(view, [unit], cancel=abandoned)
    found: list[tuple[tuple[str, ...], np.ndarray]] = [((), own.pixels)]
    for twin in _cascade(session, unit.layer, seed):
        (other,) = twin.deconvnet(view, [unit], activation=own.activation, cancel=abandoned)
        found.append((twin.info.randomised[0].layers, other.pixels))
    return tuple(
        Step(
            layers,
            render.encode_png(cut(render.projection(pixels, own.box)[0], own.box)),
            rank_correlation(cut(own.pixels, own.box), cut(pixels, own.box)),
        )
        for layers, pixels in found
    )


@cached
def permuted_evidence(
    session: InferenceSession, view: Image.Image, class_index: int, *, head: str, centred: bool, seed: int
) -> tuple[Step, ...]:
    """Return the Grad-CAM of one class before its ReLU through more and more permuted layers."""

    def evidence(of: InferenceSession) -> np.ndarray:
        (found,) = of.class_activation(
            view, [class_index], head=head, rectified=False, centred=centred, cancel=abandoned
        )
        return found.values

    found: list[tuple[tuple[str, ...], np.ndarray]] = [((), evidence(session))]
    for twin in _cascade(session, "gap" if head == "gap" else "fc8", seed):
        found.append((twin.info.randomised[0].layers, evidence(twin)))
    return tuple(
        Step(layers, render.encode_png(render.signed_heat(values)), rank_correlation(found[0][1], values))
        for layers, values in found
    )


def show_overwriting(unit: Unit) -> None:
    """Show what the projection of a cell would be if unpooling overwrote, and how many others it would blank."""
    st.header(t("sanity.overwriting"), anchor=False)
    if unit.layer == "conv1":
        st.markdown(t("sanity.nothing_unpooled"))
        return
    adding = projection(results.session(), view(), unit, whole_map=False)
    other = overwritten(results.session(), view(), unit)
    right, wrong, said = st.columns(3, gap="medium")
    with right:
        words = t("sanity.added_alt", unit=unit), t("sanity.added_caption", limit=adding.limit)
        recipe = recipes.projection(exhibition.source(), unit)
        exhibition.show(Exhibit("overwriting", f"adding-{unit}", adding.patch, *words, recipe))
    with wrong:
        caption = t("sanity.blank_caption") if other.correlation is None else t("sanity.overwritten_caption")
        recipe = recipes.overwriting(exhibition.source(), unit)
        alt = t("sanity.overwritten_alt", unit=unit)
        exhibition.show(Exhibit("overwriting", f"overwriting-{unit}", other.drawn, alt, caption, recipe))
    with said:
        if other.correlation is not None:
            st.markdown(t("sanity.alike", correlation=other.correlation))
        if unit.layer in _COUNTED_AT_ONCE or st.toggle(t("sanity.count", layer=unit.layer), key="count_lost"):
            counted = lost(results.session(), view(), unit.layer)
            values = {"layer": unit.layer, "live": counted.live, "blank": counted.blank, "share": counted.share}
            st.markdown(t("sanity.lost", **values) if counted.blank else t("sanity.none_lost", **values))
        st.caption(t("sanity.overwriting_rule"))


def show_permuted_projections(unit: Unit) -> None:
    """Let the weights below a cell be permuted, and show what is left of its projection."""
    if _opened():
        st.caption(t("sanity.permuted_projection"))
        seed = selection().seed
        steps = permuted_projections(results.session(), view(), unit, seed)
        _show(steps, str(unit), lambda until: recipes.randomised(exhibition.source(), unit, until, seed))


def show_permuted_evidence(class_index: int) -> None:
    """Let the weights below a class be permuted, and show what is left of the evidence for it."""
    if _opened():
        st.caption(t("sanity.permuted_class"))
        now = selection()
        steps = permuted_evidence(
            results.session(), view(), class_index, head=now.head, centred=now.centred, seed=now.seed
        )
        asked = Asked(head=now.head, centred=now.centred)

        def recipe(until: str) -> Recipe:
            return recipes.randomised_evidence(exhibition.source(), class_index, asked, until=until, seed=now.seed)

        _show(steps, class_name(class_index), recipe)


def _opened() -> bool:
    """Show the section's title with its switch; nothing is computed before it is on."""
    st.header(t("sanity.randomise"), anchor=False)
    return st.toggle(t("sanity.open"), key="randomise", persist_state="session")


def _show(steps: Sequence[Step], name: str, recipe: Callable[[str], Recipe]) -> None:
    """Show the cascade as one row, what it means, and the way to another one."""
    row = [_figure(step, name, _WIDTH // len(steps)) for step in steps]
    figures(row)
    layers = [step.permuted[-1] if step.permuted else "" for step in steps]
    exhibition.under(
        *(
            Exhibit("randomised", f"randomised-{layer or 'none'}", of.png, of.alt, of.caption, recipe(layer))
            for layer, of in zip(layers, row, strict=True)
        )
    )
    first, last = steps[1], steps[-1]
    values = {"layer": first.permuted[0], "first": _number(first.correlation)}
    if first is last:
        st.markdown(t("sanity.meaning_one", **values))
    else:
        st.markdown(t("sanity.meaning", last=_number(last.correlation), **values))
    st.button(
        t("sanity.another", seed=selection().seed),
        on_click=select,
        kwargs={"seed": (selection().seed + 1) % _SEEDS},
        icon=":material/shuffle:",
    )


def _figure(step: Step, name: str, side: int) -> Figure:
    """Return one step with what is permuted in it and how much it is still like the first."""
    told, side = t("sanity.correlation", correlation=_number(step.correlation)), min(side, _WIDEST)
    if not step.permuted:
        return Figure(step.drawn, t("sanity.original_alt", name=name), t("sanity.original"), told, side)
    layer = step.permuted[-1]
    caption = t("sanity.permuted" if len(step.permuted) == 1 else "sanity.permuted_too", layer=layer)
    return Figure(step.drawn, t("sanity.permuted_alt", name=name, layer=layer), caption, told, side)


def _number(correlation: float | None) -> str:
    return "–" if correlation is None else f"{correlation:.2f}".replace("-", "−")


def _cascade(session: InferenceSession, layer: str, seed: int) -> list[InferenceSession]:
    """Return sessions with the weights from a layer down permuted, one layer more in each."""
    return [session.randomised(until, from_layer=layer, seed=seed, cancel=abandoned) for until in cascade(layer)]
