"""The map of one unit, to be pointed at and clicked: its values, and what each cell sees of the picture."""

from collections.abc import Sequence

from pages.shared import recipes, results
from pages.shared.exhibition import source, under
from pages.shared.exhibits import Exhibit
from pages.shared.places import strongest
from pages.shared.probe import pane, probe
from pages.shared.results import Look, MapPictures
from pages.shared.state import select, t, view
from zfnet import Unit
from zfnet.geometry import receptive_field
from zfnet.plate import Scale

_TOLD = ("row", "column", "value", "top", "bottom", "left", "right")


def unit_map(chosen: Unit, look: Look, kept: tuple[int, int] | None) -> MapPictures:
    """Show a unit's map, alone and on the picture; a click selects the cell on every page.

    Args:
        chosen: a unit of a layer with maps.
        look: how the map is coloured.
        kept: the cell that stays marked.
    """
    maps = results.feature_map(results.session(), view(), chosen, look)
    name = f"{chosen.layer}:{chosen.channel}"
    limits = {
        key: f"{x:.3g}".replace("-", "−") for key, x in (("low", maps.low), ("high", maps.high), ("end", maps.end))
    }
    after = look.rectified
    caption = t("feature_maps.map_caption" if after else "feature_maps.map_caption_signed", **limits)
    where = strongest(maps.values)
    alone = t("feature_maps.map_alt", unit=name, where=where), caption
    over = t("feature_maps.overlay_caption" if after else "feature_maps.overlay_caption_signed")
    placed = t("feature_maps.overlay_alt", unit=name, where=where), over
    _probe(
        chosen, maps, [pane(maps.map, *alone, seen=False), pane(maps.overlay, *placed, seen=True, smooth=True)], kept
    )
    words = t("feature_maps.value")
    arrays = {"values": maps.values}
    under(
        Exhibit(
            "feature_map",
            f"map-{name}",
            maps.map,
            *alone,
            recipes.feature_map(source(), chosen, look),
            Scale(look.colours, 0.0 if after else -maps.end, maps.end, words),
            lambda: arrays,
        ),
        Exhibit(
            "feature_map",
            f"map-on-picture-{name}",
            maps.overlay,
            *placed,
            recipes.feature_map_on_picture(source(), chosen, look),
            Scale(look.colormap, 0.0, maps.end, words),
        ),
    )
    return maps


def unit_field(chosen: Unit, kept: tuple[int, int] | None) -> None:
    """Show the picture and what the cells of a unit see of it; a click selects the cell on every page."""
    maps = results.feature_map(results.session(), view(), chosen, Look())
    name = f"{chosen.layer}:{chosen.channel}"
    words = t("architecture.field_alt", unit=name), t("architecture.field_help")
    _probe(chosen, maps, [pane(results.plain(view()), *words, seen=True, smooth=True)], kept)
    if kept:
        at = Unit(chosen.layer, chosen.channel, kept)
        framed = results.framed(results.session(), view(), at)
        under(Exhibit("receptive_field", f"field-{at}", framed, *words, recipes.receptive_field(source(), at)))


def _probe(chosen: Unit, maps: MapPictures, panes: Sequence[dict[str, object]], kept: tuple[int, int] | None) -> None:
    config = results.session().info.config
    probe(
        maps.values,
        panes,
        field=receptive_field(config, chosen.layer),
        side=config.input_size,
        told=t("feature_maps.told", **{key: f"{{{key}}}" for key in _TOLD}),
        help=t("feature_maps.probe_help"),
        key="probe",
        on_click=lambda cell: select(channel=chosen.channel, position=cell, start="cell"),
        kept=kept,
        digits=results.DIGITS,
    )
