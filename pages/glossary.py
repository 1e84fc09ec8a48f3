"""Every term that the pages use: what it means, what it is in this network, and where one sees it."""

import streamlit as st

from pages.shared.glossary import SECTIONS, TERMS, asked, entry, holds
from pages.shared.state import t

# The heading of an entry is not larger than its text needs.
_STYLE = "<style>.stMainBlockContainer h3 { font-size: 1.1rem; padding: 0.25rem 0 0.75rem; }</style>"


def entries(terms: list[str]) -> None:
    """Show entries in two columns, read row by row."""
    for pair in (terms[i : i + 2] for i in range(0, len(terms), 2)):
        for place, term in zip(st.columns(2), pair, strict=False):
            with place:
                entry(term)


st.html(_STYLE)
st.markdown(t("glossary.what", count=len(TERMS)))
searched = st.text_input(t("glossary.search"), placeholder=t("glossary.search_hint"), key="glossary_search").strip()
found = [term for term in TERMS if holds(term, searched)]
first = asked()
if first in found:
    entry(first)
for section, terms in SECTIONS.items():
    shown = [term for term in terms if term in found and term != first]
    if shown:
        st.header(t(f"glossary.section_{section}"), anchor=False)
        entries(shown)
if not found:
    st.info(t("glossary.none", searched=searched))
