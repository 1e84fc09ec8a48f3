"""One unit carried back down to the pixels that caused it."""

import streamlit as st

from pages.shared import results
from pages.shared.state import t, view
from pages.shared.widgets import picture, reading, unit

backend, current, chosen = results.session(), view(), unit()
found = results.projection(backend, current, chosen)
st.markdown(t("deconvnet.what"))

if found.position is None:
    strongest = results.ranking(backend, current, chosen.layer).channels[0]
    st.info(t("frame.silent", unit=chosen, strongest=f"{chosen.layer}:{strongest}"))
elif found.activation <= 0:
    st.info(t("deconvnet.silent_cell", unit=chosen))
else:
    row, column = found.position
    top, left, bottom, right = found.box
    st.markdown(t("deconvnet.seed", unit=chosen, row=row, column=column, activation=found.activation))
    where, looked, projected = st.columns(3, gap="medium")
    with where:
        size = f"{bottom - top}×{right - left}"
        caption = t("deconvnet.boxed_caption", size=size, top=top, left=left)
        picture(found.boxed, t("deconvnet.boxed_alt", unit=chosen), caption)
    with looked:
        picture(found.input_patch, t("deconvnet.input_alt", unit=chosen), t("deconvnet.input_caption"))
    with projected:
        picture(found.patch, t("deconvnet.patch_alt", unit=chosen), t("deconvnet.patch_caption", limit=found.limit))
    st.markdown(t("deconvnet.overlap"))

st.page_link("../maximization.py", label=t("deconvnet.to_maximization", unit=chosen), icon=":material/auto_awesome:")
reading("deconvnet")
