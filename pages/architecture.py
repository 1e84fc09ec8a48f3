"""The network as a table: sizes, receptive fields, parameters and arithmetic, all computed from a configuration."""

import streamlit as st

from pages.shared import architecture_tables as tables
from pages.shared import recipes, results
from pages.shared.architecture_parts import filters, receptive_field, switch, table, tabs
from pages.shared.audit_parts import audit
from pages.shared.exhibition import source, under
from pages.shared.exhibits import Exhibit
from pages.shared.state import selection, t
from pages.shared.widgets import drawing, reading
from zfnet.arithmetic import as_csv
from zfnet.geometry import ALEXNET, NETWORKS

backend = results.session()
loaded = backend.info.config
networks = {name: t(f"architecture.network_{name}") for name in NETWORKS}
parts = {part: t(f"architecture.part_{part}") for part in tables.PARTS}

which, what, export = st.columns([5.4, 2, 1], vertical_alignment="center")
with which:
    name = switch("network", t("architecture.network"), networks, loaded.geometry)
with what:
    part = switch("part", t("architecture.part"), parts, next(iter(parts)))
config, rows = tables.network(name)
with export:
    st.download_button(t("architecture.csv"), as_csv(config, rows), f"zfnet-{name}.csv", "text/csv", on_click="ignore")
if name != loaded.geometry:
    st.caption(t("architecture.other", loaded=networks[loaded.geometry]))
drawn, words = results.diagram(backend, selection().layer, (1120, 170), rows), t("architecture.diagram_alt")
drawing(drawn, words)
table(config, rows, part)
caption = t("architecture.diagram_caption")
st.caption(caption)
geometry = name if name != loaded.geometry else ""
recipe = recipes.diagram(source(), selection().layer, (1120, 170), geometry)
under(Exhibit("diagram", f"architecture-{name}", drawn, words, caption, recipe))
reading("architecture")

fields, bad, alexnet, listing, notes = tabs("fields", "audit", "alexnet", "listing", "notes")
with fields:
    where, weights = st.columns([1, 2.2], gap="medium")
    with where:
        receptive_field(loaded)
    with weights:
        filters(loaded)
with alexnet:
    zfnet = loaded if name == ALEXNET.geometry else config
    st.markdown(tables.changes(zfnet))
    st.table(tables.comparison(zfnet), border="horizontal", hide_header=False, alt=t("architecture.comparison_alt"))
    st.caption(t("architecture.comparison_caption", geometry=networks[zfnet.geometry]))
    st.page_link("../stride.py", label=t("architecture.to_stride"), icon=":material/grid_on:")
with listing:
    st.markdown(t("architecture.listing"))
    st.table(tables.listing(), border="horizontal", hide_header=False, alt=t("architecture.listing_alt"))
    st.markdown(tables.listing_stops())
with notes:
    st.markdown(t("architecture.notes"))
    st.table(tables.notes(), border="horizontal", hide_header=False, alt=t("architecture.notes_alt"))
if bad.open:
    with bad:
        audit()
