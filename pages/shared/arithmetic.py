"""The arithmetic of one value as a table: patches times kernels, the rest, the bias, the ReLU."""

import html
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from pages.shared.figures import image
from pages.shared.results import DIGITS, abandoned, cached, number
from pages.shared.state import t
from zfnet import InferenceSession, Unit, render
from zfnet.geometry import POOLINGS

_STYLE = """<style>
.arithmetic { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.arithmetic td, .arithmetic th { border: 0; padding: 3px 8px; text-align: left; font-weight: normal; }
.arithmetic th { font-size: 0.8rem; opacity: 0.75; }
.arithmetic td:last-child, .arithmetic th:last-child { text-align: right; }
@media (max-width: 640px) { .arithmetic td, .arithmetic th { padding: 3px 2px; } }
.arithmetic .total td { border-top: 1px solid currentColor; font-weight: 600; }
</style>"""
_SIDE = 56
_PADDING = 190


@dataclass(frozen=True, slots=True)
class TermPictures:
    """One channel's part of a value: its patch, its kernel, their product, and the sum of that.

    ``numbers`` are the values of the three pictures, row by row.
    """

    channel: int
    patch: bytes
    kernel: bytes
    product: bytes
    value: float
    numbers: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Sum:
    """The arithmetic of one value in numbers as they are printed: parts, ``rest`` and ``bias`` add up to ``before``."""

    unit: Unit
    below: str
    terms: tuple[TermPictures, ...]
    rest: float
    others: int
    bias: float
    before: float
    after: float
    padded: bool


@cached
def take_apart(session: InferenceSession, view: Image.Image, unit: Unit, colormap: str) -> Sum:
    """Take one value apart. What is rounded still adds up: the rest takes the difference."""
    found = session.contributions(view, unit, cancel=abandoned)
    products = [term.patch * term.kernel for term in found.terms]
    patch_end, kernel_end, product_end = (
        max(float(np.abs(a).max()) for a in arrays)
        for arrays in ([t.patch for t in found.terms], [t.kernel for t in found.terms], products)
    )
    values = [round(term.value, DIGITS) for term in found.terms]
    before, bias = round(found.before, DIGITS), round(found.bias, DIGITS)

    def seen(patch: np.ndarray) -> np.ndarray:
        signed = found.below == "input"
        shown = render.signed_heat(patch, patch_end) if signed else render.heat(patch, colormap, (0, patch_end))
        return np.where(found.padding[..., None], np.uint8(_PADDING), shown)

    terms = tuple(
        TermPictures(
            channel=term.channel,
            patch=_small(seen(term.patch)),
            kernel=_small(render.signed_heat(term.kernel, kernel_end, "weights")),
            product=_small(render.signed_heat(product, product_end)),
            value=value,
            numbers=(_numbers(term.patch), _numbers(term.kernel), _numbers(product)),
        )
        for term, product, value in zip(found.terms, products, values, strict=True)
    )
    return Sum(
        unit=found.unit,
        below=found.below,
        terms=terms,
        rest=round(before - bias - sum(values), DIGITS),
        others=found.others,
        bias=bias,
        before=before,
        after=round(found.after, DIGITS),
        padded=bool(found.padding.any()),
    )


def arithmetic(of: Sum) -> None:
    """Show how a value comes about: the strongest channels one by one, the rest, the bias, the ReLU."""
    rows = [_heads("channel", "patch", "", "kernel", "", "product", "sum")]
    for term in of.terms:
        name = f"{of.below}:{term.channel}" if of.below != "input" else t(f"feature_maps.primary_{term.channel}")
        cells = [
            html.escape(name),
            image(term.patch, t("feature_maps.patch_alt", channel=name), _SIDE, term.numbers[0]),
            "×",
            image(term.kernel, t("feature_maps.kernel_alt", channel=name), _SIDE, term.numbers[1]),
            "=",
            image(term.product, t("feature_maps.product_alt"), _SIDE, term.numbers[2]),
            number(term.value),
        ]
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    if of.others:
        rows.append(_line(t("feature_maps.rest", count=of.others, below=of.below), of.rest))
    elif of.rest:
        rows.append(_line(t("feature_maps.rounding"), of.rest))
    if of.unit.layer not in POOLINGS:
        rows.append(_line(t("feature_maps.bias"), of.bias))
        total = t("feature_maps.logit" if of.unit.layer == "fc8" else "feature_maps.before")
        rows.append(_line(total, of.before, "total"))
    if of.after != of.before:
        rows.append(_line(t("feature_maps.after"), of.after))
    st.html(f"{_STYLE}<table class='arithmetic'>{''.join(rows)}</table>")
    if of.padded:
        st.caption(t("feature_maps.padding"))


def _heads(*names: str) -> str:
    heads = (f"<th>{t(f'feature_maps.head_{name}')}</th>" if name else "<td></td>" for name in names)
    return f"<tr>{''.join(heads)}</tr>"


def _line(name: str, value: float, kind: str = "") -> str:
    return f"<tr class='{kind}'><td colspan='6'>{html.escape(name)}</td><td>{number(value)}</td></tr>"


def _numbers(values: np.ndarray) -> str:
    return "\n".join("  ".join(number(value) for value in row) for row in values.tolist())


def _small(pixels: np.ndarray) -> bytes:
    return render.encode_png(render.enlarge(pixels, _SIDE))
