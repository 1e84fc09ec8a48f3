"""Which filters are bad: how many in each layer, and the channels of one layer to be clicked."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import results
from pages.shared.architecture_parts import switch
from pages.shared.clickable import clickable
from pages.shared.pictures import embedded
from pages.shared.state import select, selection, t, uploads
from zfnet import crop
from zfnet.audit import ALWAYS_ON, DUPLICATE, FLAGS, LayerAudit
from zfnet.geometry import CONVOLUTIONS

_COLUMNS, _TILE = 16, 42
# Of a thousand silent units nobody reads more.
_MOST = 24


def audit() -> None:
    """Show what an audit finds over the samples and this visitor's uploads; a click selects a channel on every page."""
    own = tuple(crop(upload.picture) for upload in uploads().values())
    with st.spinner(t("audit.busy")):
        found = {layer.layer: layer for layer in results.audit(results.session(), own)}
    st.caption(t("audit.over", pictures=len(embedded()) + len(own), samples=len(embedded()), own=len(own)))
    counts, channels = st.columns([1, 1.2], gap="medium")
    with counts:
        st.table(_counts(list(found.values())), border="horizontal", hide_header=False, alt=t("audit.table_alt"))
        st.caption(_coarse(found[CONVOLUTIONS[0]]))
    with channels:
        chosen = switch("audit_layer", t("audit.layer"), {layer: layer for layer in found}, CONVOLUTIONS[0])
        _flagged(found[chosen])
    values = {"always_on": f"{ALWAYS_ON:.0%}", "duplicate": str(DUPLICATE)}
    for column, flag in zip(st.columns(len(FLAGS), gap="medium"), FLAGS, strict=True):
        column.caption(t(f"audit.what_{flag}", limit=values.get(flag, "")))


def _counts(found: Sequence[LayerAudit]) -> dict[str, list[str]]:
    """Return the table of counts, column by column; a dash where a flag has no meaning."""
    return {
        t("audit.column_layer"): [layer.layer for layer in found],
        t("audit.column_channels"): [f"{layer.channels:,}" for layer in found],
        **{t(f"audit.flag_{flag}"): [_count(layer.flagged(flag)) for layer in found] for flag in FLAGS},
    }


def _count(channels: Sequence[int] | None) -> str:
    if channels is None:
        return "–"
    return f"**{len(channels):,}**" if channels else "0"


def _coarse(first: LayerAudit) -> str:
    """Return in words what the first layer's filters would lose by the stride that the paper found too coarse."""
    if first.coarse is None:
        return ""
    count, own = len(first.coarse.aliased), len(first.flagged("aliased") or ())
    return t("audit.coarse", stride=first.coarse.stride, count=count, channels=first.channels, own=own)


def _flagged(found: LayerAudit) -> None:
    """Show the channels under each flag."""
    flagged = {flag: channels for flag in FLAGS if (channels := found.flagged(flag))}
    for flag, channels in flagged.items():
        st.markdown(t("audit.heading", flag=t(f"audit.flag_{flag}"), count=len(channels)))
        _channels(found, flag, channels)
    if not flagged:
        st.info(t("audit.none", layer=found.layer))
    if found.coarse and found.coarse.aliased:
        count = len(found.coarse.aliased)
        st.markdown(t("audit.heading_coarse", stride=found.coarse.stride, count=count))
        _channels(found, "coarse", found.coarse.aliased)
    st.caption(t("audit.click"))


def _channels(found: LayerAudit, flag: str, channels: tuple[int, ...]) -> None:
    """Show channels to be clicked: the filters of conv1 as they are, others by name."""
    if found.layer == CONVOLUTIONS[0]:
        chosen = selection().channel if selection().layer == found.layer else None
        clickable(
            results.filters(results.session(), found.layer, _COLUMNS, channels),
            [_note(found, flag, channel) for channel in channels],
            _COLUMNS,
            tile=(_TILE, _TILE),
            key=f"audit_{flag}",
            alt=t("audit.filters_alt", count=len(channels)),
            on_click=lambda i: select(layer=found.layer, channel=channels[i]),
            selected=channels.index(chosen) if chosen in channels else -1,
        )
        return
    with st.container(horizontal=True, gap="xsmall"):
        for channel in channels[:_MOST]:
            st.button(
                str(channel),
                key=f"audit_{flag}_{found.layer}_{channel}",
                type="primary" if (selection().layer, selection().channel) == (found.layer, channel) else "secondary",
                help=_note(found, flag, channel),
                on_click=select,
                kwargs={"layer": found.layer, "channel": channel},
            )
    if more := len(channels[_MOST:]):
        st.caption(t("audit.more", count=more))


def _note(found: LayerAudit, flag: str, channel: int) -> str:
    """Return a channel's name and the measure that put it under the flag."""
    name = f"{found.layer}:{channel}"
    if flag == "duplicate":
        pair = next(pair for pair in found.pairs or () if channel in (pair.first, pair.second))
        other = pair.second if channel == pair.first else pair.first
        return t("audit.note_duplicate", unit=name, other=f"{found.layer}:{other}", cosine=f"{pair.cosine:.3f}")
    if flag == "dead":
        return t("audit.note_dead", unit=name)
    measured = found.coarse if flag == "coarse" else found.aliasing
    if flag in ("coarse", "aliased") and measured:
        return t("audit.note_aliased", unit=name, share=float(measured.beyond[channel]), stride=measured.stride)
    return t("audit.note_active", unit=name, share=float(found.active[channel]))
