"""All channels of a layer as one picture to click, and the chosen one large."""

import streamlit as st

from pages.shared import results
from pages.shared.clickable import clickable
from pages.shared.selection import SCALES
from pages.shared.state import select, selection, t, view
from pages.shared.widgets import choose, choose_colours, picture, reading, unit
from zfnet.geometry import SPATIAL

COLUMNS, PER_PAGE = 12, 96
backend, current, chosen = results.session(), view(), unit()
ranking = results.ranking(backend, current, chosen.layer)
st.markdown(t("feature_maps.what"))

choose(st.segmented_control, "layer", t("frame.layer"), options=list(SPATIAL), required=True, place="page")
order, scale, colours, relu = st.columns([1.5, 1.4, 1.6, 1], vertical_alignment="bottom")
with order:
    by_strength = st.segmented_control(
        t("feature_maps.order"),
        options=["strength", "number"],
        format_func=lambda name: t(f"feature_maps.order_{name}"),
        default="strength",
        required=True,
        key="order",
        persist_state="session",
    )
with scale:
    choose(
        st.segmented_control,
        "scale",
        t("feature_maps.scale"),
        options=list(SCALES),
        format_func=lambda name: t(f"feature_maps.scale_{name}"),
        required=True,
        help=t("feature_maps.scale_help"),
    )
with colours:
    choose_colours()
with relu:
    choose(st.toggle, "rectified", t("feature_maps.rectified"), help=t("feature_maps.rectified_help"))

channels = ranking.channels if by_strength == "strength" else tuple(range(len(ranking.channels)))
pages = -(-len(channels) // PER_PAGE)
home = channels.index(chosen.channel) // PER_PAGE + 1
# With the channel in its key, it opens at the page that shows the channel whenever another one is chosen.
page = st.pagination(pages, default=home, key=f"page_{chosen}_{by_strength}") if pages > 1 else 1
shown = channels[(page - 1) * PER_PAGE : page * PER_PAGE]
look = results.Look(selection().rectified, selection().scale, selection().colormap)

every, one = st.columns([2.4, 1], gap="medium")
with every:
    clickable(
        results.mosaic(backend, current, layer=chosen.layer, channels=shown, columns=COLUMNS, look=look),
        [t("feature_maps.tile", unit=f"{chosen.layer}:{channel}", peak=ranking.peaks[channel]) for channel in shown],
        COLUMNS,
        key="mosaic",
        alt=t("feature_maps.mosaic_alt", layer=chosen.layer, count=len(shown)),
        on_click=lambda i: select(channel=shown[i]),
        selected=shown.index(chosen.channel) if chosen.channel in shown else -1,
    )
    st.caption(t("feature_maps.mosaic_caption", layer=chosen.layer, count=len(channels), silent=ranking.silent))
    if not selection().rectified:
        st.caption(t("feature_maps.signed"))
with one:
    maps = results.feature_map(backend, current, chosen, look)
    st.subheader(str(chosen), anchor=False)
    if ranking.peaks[chosen.channel] <= 0:
        st.info(t("frame.silent", unit=chosen, strongest=f"{chosen.layer}:{ranking.channels[0]}"))
    picture(
        maps.map, t("feature_maps.map_alt", unit=chosen), t("feature_maps.map_caption", low=maps.low, high=maps.high)
    )
    picture(maps.overlay, t("feature_maps.overlay_alt", unit=chosen), t("feature_maps.overlay_caption"))
    st.page_link("../deconvnet.py", label=t("feature_maps.to_deconvnet"), icon=":material/undo:")
    st.page_link("../maximization.py", label=t("feature_maps.to_maximization"), icon=":material/auto_awesome:")
reading("feature_maps")
