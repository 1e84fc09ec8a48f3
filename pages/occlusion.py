"""What the network loses when a square covers part of the picture: figure 7 of the paper, live."""

import streamlit as st

from pages.shared import occlusion_runs, occlusions, results
from pages.shared.selection import SIZES, STRIDES
from pages.shared.state import select, selection, t
from pages.shared.widgets import choose, choose_class, choose_head, class_index, paragraph, reading
from zfnet.occlusion import FILLS, Square

# Up to so many places, a second or less on an idle machine, the maps appear without being asked for.
AT_ONCE = 200

paragraph(t("occlusion.what"))
choose_class(t("occlusion.top_five"))
who, cover, extent, step = st.columns([2.2, 3.4, 2, 1.8], gap="medium")
with who:
    choose_head()
with cover:
    choose(
        st.segmented_control,
        "fill",
        t("occlusion.fill"),
        options=list(FILLS),
        format_func=lambda name: t(f"occlusion.fill_{name}"),
        required=True,
    )
    if selection().fill == "noise":
        choose(st.number_input, "seed", t("maximization.seed"), min_value=0, max_value=2**31 - 1)
with extent:
    first, last, every = SIZES[0], SIZES[-1], SIZES.step
    choose(st.slider, "size", t("occlusion.size"), min_value=first, max_value=last, step=every)
with step:
    choose(st.segmented_control, "stride", t("occlusion.stride"), options=STRIDES, required=True)
now = selection()
square = Square(now.size, now.stride, now.fill, now.seed if now.fill == "noise" else 0)
asked = occlusion_runs.Asked(class_index(), square, now.head)

seen, said = st.columns([1, 2.4], gap="medium")
# Always there, so that nothing below jumps when the page runs again.
picture, question = seen.empty(), said.empty()
found = occlusion_runs.kept(asked)
if not found:
    with question.container():
        if asked.places <= AT_ONCE or occlusion_runs.wanted(asked, picture):
            found = occlusion_runs.visit(asked, picture, st.empty())
    if found:
        question.empty()
if found:
    with seen:
        occlusions.show_covered(found)
    with said:
        occlusions.sum_up(found)
        st.button(
            t("occlusion.to_unit", unit=found.unit),
            on_click=select,
            kwargs={"layer": found.unit.layer, "channel": found.unit.channel},
        )
    occlusions.show_maps(found, results.Look(colormap=selection().colormap))
reading("occlusion")
