"""The map of one unit, to be pointed at and clicked: its values, and what each cell sees of the picture."""

from pages.shared import results
from pages.shared.probe import pane, probe
from pages.shared.results import Look, MapPictures
from pages.shared.state import select, t, view
from zfnet import Unit
from zfnet.geometry import receptive_field


def unit_map(chosen: Unit, look: Look, kept: tuple[int, int] | None) -> MapPictures:
    """Show a unit's map, alone and on the picture; a click selects the cell on every page.

    Args:
        chosen: a unit of a layer with maps.
        look: how the map is coloured.
        kept: the cell that stays marked.
    """
    backend = results.session()
    maps = results.feature_map(backend, view(), chosen, look)
    name = f"{chosen.layer}:{chosen.channel}"
    limits = {"low": f"{maps.low:.3g}", "high": f"{maps.high:.3g}", "end": f"{maps.end:.3g}"}
    probe(
        maps.values,
        [
            pane(maps.map, t("feature_maps.map_alt", unit=name), t("feature_maps.map_caption", **limits), seen=False),
            pane(
                maps.overlay,
                t("feature_maps.overlay_alt", unit=name),
                t("feature_maps.overlay_caption"),
                seen=True,
                smooth=True,
            ),
        ],
        field=receptive_field(backend.info.config, chosen.layer),
        side=backend.info.config.input_size,
        told=t("feature_maps.told", **{key: f"{{{key}}}" for key in _TOLD}),
        help=t("feature_maps.probe_help"),
        key="unit_map",
        on_click=lambda cell: select(channel=chosen.channel, position=cell, start="cell"),
        kept=kept,
        digits=results.DIGITS,
    )
    return maps


_TOLD = ("row", "column", "value", "top", "bottom", "left", "right")
