"""All channels of a layer to choose from: maps as a mosaic, fully connected units as bars."""

from typing import Any

import numpy as np
import streamlit as st

from pages.shared import recipes, results
from pages.shared.charts import bars
from pages.shared.clickable import clickable
from pages.shared.exhibition import source, under
from pages.shared.exhibits import Exhibit
from pages.shared.results import Look, Ranking
from pages.shared.state import select, selection, t, view
from pages.shared.widgets import class_name
from zfnet import Unit
from zfnet.geometry import SPATIAL, shapes
from zfnet.plate import Scale

_COLUMNS, _PER_PAGE = 16, 96


def channels(chosen: Unit, look: Look) -> None:
    """Show the channels of the chosen unit's layer in the selected order."""
    backend = results.session()
    ranking = results.ranking(backend, view(), chosen.layer, selection().order)
    shown = _page(chosen, ranking)
    options: dict[str, Any] = {
        "labels": [_label(chosen.layer, channel, ranking) for channel in shown],
        "selected": shown.index(chosen.channel) if chosen.channel in shown else -1,
        "alt": t("feature_maps.mosaic_alt", layer=chosen.layer, count=len(shown)),
        "on_click": lambda i: select(channel=shown[i]),
        "key": "channels",
    }
    if not shown:
        st.info(t("feature_maps.all_silent", layer=chosen.layer))
    elif chosen.layer in SPATIAL:
        side = results.tile(backend, chosen.layer)
        sheet = results.mosaic(backend, view(), layer=chosen.layer, channels=shown, columns=_COLUMNS, look=look)
        clickable(
            sheet,
            columns=_COLUMNS,
            tile=(side, side),
            smooth=side < shapes(backend.info.config)[chosen.layer][1],
            **options,
        )
        _take(chosen.layer, shown, look, sheet)
    else:
        heights = results.heights(backend, view(), chosen.layer, rectified=look.rectified)
        bars([heights[i] for i in shown], axes=(t("feature_maps.units"), t("feature_maps.value")), **options)
    if chosen.layer == "fc8":
        st.caption(t("feature_maps.logits"))
    else:
        counts = {"count": len(ranking.peaks), "silent": len(ranking.silent)}
        st.caption(t("feature_maps.mosaic_caption", layer=chosen.layer, **counts))


def _take(layer: str, shown: tuple[int, ...], look: Look, sheet: bytes) -> None:
    backend, current = results.session(), view()
    scale = None
    # Before ReLU a layer's own end is not known here, and with a scale for each map there is none for the sheet.
    if look.scale != "map" and look.rectified:
        fixed = look.scale == "fixed"
        end = results.fixed_limit(backend, layer) if fixed else max(results.ranking(backend, current, layer).peaks)
        scale = Scale(look.colours, 0.0, end, t("feature_maps.value"))

    def arrays() -> dict[str, np.ndarray]:
        return {"values": backend.feature_maps(current, layer, rectified=look.rectified).values[list(shown)]}

    order = results.ranking(backend, current, layer, selection().order).channels
    first = order.index(shown[0])
    by = selection().order if order[first : first + len(shown)] == shown else ""
    recipe = recipes.feature_maps(source(), layer, shown, look, columns=_COLUMNS, order=by, first=first)
    words = t("feature_maps.mosaic_alt", layer=layer, count=len(shown)), t("feature_maps.sheet", layer=layer)
    under(Exhibit("feature_maps", f"maps-{layer}", sheet, *words, recipe, scale, arrays))


def _page(chosen: Unit, ranking: Ranking) -> tuple[int, ...]:
    """Return the channels of the page that holds the chosen one, and let others be turned to."""
    hidden = ranking.silent if selection().hide_silent else frozenset()
    kept = tuple(channel for channel in ranking.channels if channel not in hidden)
    if st.session_state.get("all_channels") or len(kept) <= _PER_PAGE:
        return kept
    home = kept.index(chosen.channel) // _PER_PAGE + 1 if chosen.channel in kept else 1
    # With the channel in its key, it opens at the page that shows the channel whenever another one is chosen.
    key = f"page_{chosen.layer}:{chosen.channel}_{selection().order}_{selection().hide_silent}"
    page = st.pagination(-(-len(kept) // _PER_PAGE), default=home, key=key)
    return kept[(page - 1) * _PER_PAGE : page * _PER_PAGE]


def _label(layer: str, channel: int, ranking: Ranking) -> str:
    name = f"{layer}:{channel}" + (f" ({class_name(channel)})" if layer == "fc8" else "")
    if layer not in SPATIAL:
        return name
    return t(
        "feature_maps.tile",
        unit=name,
        peak=ranking.peaks[channel],
        mean=ranking.means[channel],
        share=ranking.sparsities[channel],
    )
