"""Two pictures under one selection and on one scale."""

import streamlit as st

from pages.shared import comparison, results
from pages.shared.clickable import clickable
from pages.shared.evidence import Asked, Paint
from pages.shared.pictures import samples
from pages.shared.selection import COMPARED
from pages.shared.state import picture_title, second, second_view, select, selection, swap, t, uploads, view
from pages.shared.widgets import choose, choose_class, class_index, class_name, controlled, picture, reading, unit
from zfnet.geometry import SPATIAL, shapes

_COLUMNS = 4

backend, chosen, now = results.session(), unit(), selection()
views, shown = (view(), second_view()), class_index()
titles = (picture_title(), picture_title(second()[0]))
name = f"{chosen.layer}:{chosen.channel}"


def controls() -> None:
    """Show the choice of the second picture, of what is compared, and the swap."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        controlled(
            st.selectbox,
            t("compare.second"),
            key=f"choose_second_{now.language}",
            value=second()[0] if second()[0] in (*uploads(), *samples()) else next(iter(samples())),
            change=lambda image: select(pinned=(image, "centre", 0.5)),
            options=[*uploads(), *samples()],
            format_func=picture_title,
            width=260,
        )
        st.button(
            t("compare.swap"), on_click=swap, args=(chosen.channel, shown), icon=":material/swap_horiz:", shortcut="S"
        )
        choose(
            st.segmented_control,
            "compared",
            t("compare.what_of"),
            options=list(COMPARED),
            format_func=lambda what: t(f"compare.of_{what}"),
            required=True,
        )


def pair(found: comparison.Pair, about: str, alts: list[str], scale: tuple[str, str]) -> None:
    """Show two pictures with their largest values, and the scale that they share: its colours and its words."""
    for number, place in enumerate(st.columns(2, gap="medium")):
        with place:
            st.markdown(f"**{titles[number]}**")
            if found.pngs[number]:
                peak = t("compare.peak", value=results.rounded(found.peaks[number]))
                picture(found.pngs[number], alts[number], peak)
            else:
                st.info(t("compare.silent", unit=about))
    picture(results.colour_bar(scale[0]), t("compare.bar_alt"), scale[1])


def layer() -> None:
    """Show the same channels of a layer for both pictures."""
    found = comparison.layers(backend, views, chosen.layer, columns=_COLUMNS, colormap=now.colormap)
    side = results.tile(backend, chosen.layer)
    for number, place in enumerate(st.columns(2, gap="medium")):
        with place:
            st.markdown(f"**{titles[number]}**")
            peaks = found.peaks[number]
            clickable(
                found.sheets[number],
                [f"{chosen.layer}:{channel}: {peaks[channel]:.2f}" for channel in found.channels],
                _COLUMNS,
                tile=(max(side, 84), max(side, 84)),
                key=f"compared_{number}",
                alt=t("compare.layer_alt", layer=chosen.layer, title=titles[number]),
                on_click=lambda i: select(channel=found.channels[i]),
                selected=found.channels.index(chosen.channel) if chosen.channel in found.channels else -1,
                smooth=side < shapes(backend.info.config)[chosen.layer][1],
                gap=8,
                captions=[f"{channel}: {peaks[channel]:.2f}" for channel in found.channels],
            )
    alike = "–" if found.correlation is None else results.rounded(found.correlation)
    picture(results.colour_bar(now.colormap), t("compare.bar_alt"), t("compare.bar_map", end=f"{found.end:.3g}"))
    st.markdown(t("compare.layer", layer=chosen.layer, both=found.both, count=len(found.peaks[0]), correlation=alike))


def numbers() -> None:
    """Show what is measured of the unit and of the class in both pictures."""
    ranked = [results.ranking(backend, seen, chosen.layer) for seen in views]
    answers = [results.classification(backend, seen, now.head) for seen in views]
    rows = {
        t("compare.row_peak", unit=name): [results.rounded(one.peaks[chosen.channel]) for one in ranked],
        t("compare.row_mean", unit=name): [results.number(one.means[chosen.channel]) for one in ranked],
        t("compare.row_place", unit=name): [str(one.channels.index(chosen.channel) + 1) for one in ranked],
        t("compare.row_silent", layer=chosen.layer): [str(len(one.silent)) for one in ranked],
        t("compare.row_class", name=class_name(shown)): [f"{one.probabilities[shown]:.1%}" for one in answers],
        t("compare.row_answer"): [
            f"{class_name(one.classes[0].index)} ({one.classes[0].probability:.1%})" for one in answers
        ],
    }
    columns = {t("compare.measure"): list(rows)}
    columns |= {f"{i + 1} · {of}": [values[i] for values in rows.values()] for i, of in enumerate(titles)}
    st.table(columns, border="horizontal", alt=t("compare.table_alt"))


st.markdown(t("compare.what"))
controls()
if now.compared == "class":
    choose_class(t("gradcam.top_five"))
    asked, about = Asked(head=now.head, centred=now.centred), class_name(shown)
    both = comparison.classes(backend, views, shown, asked=asked, paint=Paint(now.colormap, contour=0.5))
    alts = [t("compare.class_alt", name=about, title=of, where="") for of in titles]
    pair(both, about, alts, (now.colormap, t("compare.bar_class", end=f"{both.end:.3g}")))
elif chosen.layer not in SPATIAL:
    st.info(t("deconvnet.no_map", layer=chosen.layer))
elif now.compared == "layer":
    layer()
elif now.compared == "projection":
    both = comparison.projected(backend, views, chosen)
    alts = [t("compare.projection_alt", name=name, title=of) for of in titles]
    pair(both, name, alts, ("grey", t("compare.bar_projection", end=f"{both.end:.3g}")))
else:
    both = comparison.maps(backend, views, chosen, now.colormap)
    alts = [t("compare.map_alt", name=name, title=of, where="") for of in titles]
    pair(both, name, alts, (now.colormap, t("compare.bar_map", end=f"{both.end:.3g}")))
numbers()
reading("compare")
