"""The parts of the page of two pictures: which two they are, and what of them is compared, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st
from PIL import Image

from pages.shared import comparison, recipes, results
from pages.shared.clickable import clickable
from pages.shared.comparison import Pair
from pages.shared.evidence import Asked, Paint
from pages.shared.exhibition import source, under
from pages.shared.exhibits import Exhibit, Recipe
from pages.shared.frame import verbatim
from pages.shared.occlusions import percent
from pages.shared.places import strongest
from pages.shared.recipes import Source
from pages.shared.selection import COMPARED
from pages.shared.state import missing, picture_title, second, second_view, select, selection, swap, t, uploads, view
from pages.shared.widgets import choose, class_index, class_name, picture, thumbnails
from zfnet import Unit
from zfnet.geometry import shapes
from zfnet.plate import Scale

_COLUMNS = 4
# A map on the picture, and beside it the map alone.
_WIDTHS = (2, 1)


@dataclass(frozen=True, slots=True)
class Two:
    """The selected picture and the second one: what the network sees of them, what they are called, where they lie.

    ``names`` are the titles with their numbers, as Markdown.
    """

    views: tuple[Image.Image, Image.Image]
    titles: tuple[str, str]
    names: tuple[str, str]
    sources: tuple[Source, Source]

    def pair(self, number: int) -> tuple[Source, Source]:
        """Return where one picture lies, and then the other one."""
        return self.sources[number], self.sources[1 - number]


def both() -> Two:
    """Return the two pictures."""
    ids, titles = (selection().image, second()[0]), (picture_title(), picture_title(second()[0]))
    # A visitor's file may be called anything.
    marked = (verbatim(title) if name in uploads() else title for name, title in zip(ids, titles, strict=True))
    one, other = (f"{number} · {title}" for number, title in enumerate(marked, 1))
    return Two((view(), second_view()), titles, (one, other), (source(), source(*second())))


def controls(channel: int) -> None:
    """Show the choice of the second picture, the swap, which keeps the channel, and what is compared."""
    image, crop, offset = second()
    st.caption(t("compare.second"))
    thumbnails(image, key="second", alt=t("compare.second"), on_click=lambda name: select(pinned=(name, "centre", 0.5)))
    if missing(image):
        st.warning(t("frame.missing_upload"))
    elif (image, crop, offset) == (selection().image, selection().crop, selection().offset):
        st.info(t("compare.same"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        choose(
            st.segmented_control,
            "compared",
            t("compare.what_of"),
            options=list(COMPARED),
            format_func=lambda what: t(f"compare.of_{what}"),
            required=True,
        )
        st.button(
            t("compare.swap"),
            on_click=swap,
            args=(channel, class_index()),
            icon=":material/swap_horiz:",
            shortcut="S",
        )


def unit_maps(two: Two, chosen: Unit) -> None:
    """Show where a unit answers: its map on each picture, and alone."""
    colormap, name = selection().colormap, f"{chosen.layer}:{chosen.channel}"
    found = comparison.maps(results.session(), two.views, chosen, colormap)

    def recipe(number: int, *, on_picture: bool = True) -> Recipe:
        return recipes.two_maps(two.pair(number), chosen, found.end, colormap=colormap, on_picture=on_picture)

    def alt(number: int) -> str:
        where = strongest(found.sides[number].values)
        return t("compare.map_alt", name=name, title=two.titles[number], where=where)

    scale = Scale(colormap, 0.0, found.end, t("feature_maps.value"))
    shown = _exhibits(two, found, f"map-{name}", alt=alt, recipe=recipe, scale=scale)
    for number, (side, exhibits) in enumerate(zip(found.sides, shown, strict=True)):
        cells, caption = f"cells-{name}-{number + 1}", t("compare.cells", title=two.names[number])
        made = recipe(number, on_picture=False)
        exhibits.append(replace(exhibits[0], name=cells, png=side.cells, caption=caption, recipe=made, arrays=None))
    _show(two, shown, scale, t("compare.bar_map", end=f"{found.end:.3g}"))


def projection(two: Two, chosen: Unit) -> None:
    """Show which pixels drove a unit: what its strongest cell saw, and its projection."""
    name = f"{chosen.layer}:{chosen.channel}"
    found = comparison.projected(results.session(), two.views, chosen)
    scale = Scale("grey", -found.end, found.end, t("deconvnet.scale"))
    shown = _exhibits(
        two,
        found,
        f"projection-{name}",
        alt=lambda number: t("compare.projection_alt", name=name, title=two.titles[number]),
        recipe=lambda number: recipes.two_projections(two.pair(number), chosen, found.end),
        scale=scale,
    )
    bar = t("compare.bar_projection", end=f"{found.end:.3g}")
    _show(two, shown, scale, bar, silent=t("compare.silent", unit=name))


def class_evidence(two: Two) -> None:
    """Show where the evidence for the selected class lies."""
    now, backend, index = selection(), results.session(), class_index()
    asked, paint = Asked(head=now.head, centred=now.centred), Paint(now.colormap, contour=0.5)
    found = comparison.classes(backend, two.views, index, asked=asked, paint=paint)
    answers = [results.classification(backend, seen, asked.head) for seen in two.views]
    tops = [tuple(score.index for score in answer.classes) for answer in answers]

    def recipe(number: int) -> Recipe:
        ordered = tops if number == 0 else tops[::-1]
        return recipes.two_classes(two.pair(number), index, found.end, asked=asked, paint=paint, tops=ordered)

    def alt(number: int) -> str:
        where = strongest(found.sides[number].values)
        return t("compare.class_alt", name=class_name(index), title=two.titles[number], where=where)

    scale = Scale(now.colormap, 0.0, found.end, t("gradcam.scale"))
    shown = _exhibits(two, found, f"evidence-{index}", alt=alt, recipe=recipe, scale=scale)
    _show(two, shown, scale, t("compare.bar_class", end=f"{found.end:.3g}"))


def layer(two: Two, chosen: Unit) -> None:
    """Show the same channels of a layer for both pictures; a click selects one of them."""
    backend, colormap, of = results.session(), selection().colormap, chosen.layer
    found = comparison.layers(backend, two.views, of, columns=_COLUMNS, colormap=colormap)
    side, exhibits = results.tile(backend, of), []
    scale = Scale(colormap, 0.0, found.end, t("feature_maps.value"))
    caption = t("compare.channels", layer=of, channels=", ".join(map(str, found.channels)))
    for number, place in enumerate(st.columns(2, gap="medium")):
        peaks, alt = found.peaks[number], t("compare.layer_alt", layer=of, title=two.titles[number])
        with place:
            st.markdown(_heading(two, number))
            clickable(
                found.sheets[number],
                [f"{of}:{channel}: {results.rounded(peaks[channel])}" for channel in found.channels],
                _COLUMNS,
                tile=(max(side, 84), max(side, 84)),
                key=f"compared_{number}",
                alt=alt,
                on_click=lambda i: select(channel=found.channels[i]),
                selected=found.channels.index(chosen.channel) if chosen.channel in found.channels else -1,
                smooth=side < shapes(backend.info.config)[of][1],
                gap=8,
                captions=[f"{channel}: {results.rounded(peaks[channel])}" for channel in found.channels],
            )
        recipe = recipes.two_layers(
            two.pair(number), of, found.channels, end=found.end, columns=_COLUMNS, colormap=colormap
        )
        name, title = f"{of}-{number + 1}", two.titles[number]
        exhibits.append(
            Exhibit("two_pictures", name, found.sheets[number], alt, caption, recipe, scale, picture_title=title)
        )
    _scale(scale, t("compare.bar_map", end=f"{found.end:.3g}"))
    under(*exhibits)
    alike = "–" if found.correlation is None else results.rounded(found.correlation)
    st.markdown(t("compare.layer", layer=of, both=found.both, count=len(found.peaks[0]), correlation=alike))


def numbers(two: Two, chosen: Unit) -> None:
    """Show what is measured of the unit and of the class in both pictures."""
    backend, name, index = results.session(), f"{chosen.layer}:{chosen.channel}", class_index()
    ranked = [results.ranking(backend, seen, chosen.layer) for seen in two.views]
    answers = [results.classification(backend, seen, selection().head) for seen in two.views]
    rows = {
        t("compare.row_peak", unit=name): [results.rounded(one.peaks[chosen.channel]) for one in ranked],
        t("compare.row_mean", unit=name): [results.number(one.means[chosen.channel]) for one in ranked],
        t("compare.row_place", unit=name): [str(one.channels.index(chosen.channel) + 1) for one in ranked],
        t("compare.row_silent", layer=chosen.layer): [str(len(one.silent)) for one in ranked],
        t("compare.row_class", name=class_name(index)): [percent(one.probabilities[index]) for one in answers],
        t("compare.row_answer"): [
            f"{class_name(one.classes[0].index)} ({one.classes[0].probability:.1%})" for one in answers
        ],
    }
    columns = {t("compare.measure"): list(rows)}
    columns |= {of: [values[i] for values in rows.values()] for i, of in enumerate(two.names)}
    st.table(columns, border="horizontal", alt=t("compare.table_alt"))


def _exhibits(
    two: Two,
    found: Pair,
    name: str,
    *,
    alt: Callable[[int], str],
    recipe: Callable[[int], Recipe],
    scale: Scale,
) -> list[list[Exhibit]]:
    """Return what there is to be seen of each picture; ``alt`` and ``recipe`` are called with its number."""
    shown: list[list[Exhibit]] = [[], []]
    for number, side in enumerate(found.sides):
        if side.png:
            words = alt(number), t("compare.peak", title=two.names[number], value=f"{side.peak:.3g}")
            named = "two_pictures", f"{name}-{number + 1}"
            values, title = partial(_values, side.values), two.titles[number]
            shown[number].append(Exhibit(*named, side.png, *words, recipe(number), scale, values, title))
    return shown


def _show(two: Two, shown: Sequence[Sequence[Exhibit]], scale: Scale, bar: str, *, silent: str = "") -> None:
    """Show what there is of both pictures, the scale that they share, and what belongs to them."""
    for number, place in enumerate(st.columns(2, gap="medium")):
        with place:
            st.markdown(_heading(two, number))
            if not shown[number]:
                st.info(silent)
                continue
            parts = st.columns(_WIDTHS[: len(shown[number])], gap="small")
            for part, exhibit in zip(parts, shown[number], strict=True):
                with part:
                    picture(exhibit.png, exhibit.alt, exhibit.caption)
    if exhibits := [*shown[0], *shown[1]]:
        _scale(scale, bar)
        under(*exhibits)


def _scale(scale: Scale, words: str) -> None:
    alt = t("compare.bar_projection_alt" if scale.low < 0 else "compare.bar_alt")
    picture(results.colour_bar(scale.colormap), alt, words)


def _heading(two: Two, number: int) -> str:
    which = t("compare.selected" if number == 0 else "compare.pinned")
    return f"**{two.names[number]}** ({which})"


def _values(values: np.ndarray) -> dict[str, np.ndarray]:
    return {"values": values}
