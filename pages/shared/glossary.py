"""The terms of the field: where each is explained and seen, and links to them from any text."""

import re
from functools import cache, lru_cache

import streamlit as st

from pages.shared.results import session
from pages.shared.state import selection, t
from pages.shared.texts import LANGUAGES, PARTICLES, text
from zfnet.geometry import ZFNetConfig, receptive_field, shapes

# By section, each term with the page where one sees it; its words are in ``glossary.toml`` under the same name.
SECTIONS = {
    "network": {
        "layer": "architecture",
        "convolution": "feature_maps",
        "filter": "architecture",
        "stride": "stride",
        "padding": "architecture",
        "receptive_field": "architecture",
        "relu": "feature_maps",
        "max_pooling": "feature_maps",
        "fully_connected": "architecture",
        "gap": "gradcam",
        "class": "gradcam",
        "logit": "feature_maps",
        "centred_logit": "gradcam",
        "softmax": "overview",
        "checkpoint": "overview",
        "low_rank": "architecture",
        "trace": "overview",
    },
    "values": {
        "channel": "feature_maps",
        "unit": "feature_maps",
        "cell": "feature_maps",
        "activation": "feature_maps",
        "feature_map": "feature_maps",
        "silent": "architecture",
        "sparsity": "feature_maps",
        "scale": "feature_maps",
        "colour_map": "feature_maps",
        "rank_correlation": "deconvnet",
    },
    "down": {
        "switch": "deconvnet",
        "unpooling": "deconvnet",
        "transposed_convolution": "deconvnet",
        "deconvnet": "deconvnet",
        "projection": "deconvnet",
        "gradient": "deconvnet",
        "saliency": "deconvnet",
        "guided_backpropagation": "deconvnet",
    },
    "evidence": {
        "cam": "gradcam",
        "gradcam": "gradcam",
        "gradcampp": "gradcam",
        "hirescam": "gradcam",
        "layercam": "gradcam",
        "eigencam": "gradcam",
        "ablationcam": "gradcam",
        "scorecam": "gradcam",
        "guided_gradcam": "gradcam",
        "integrated_gradients": "gradcam",
    },
    "tests": {
        "occlusion": "occlusion",
        "knockout": "gradcam",
        "insertion_deletion": "gradcam",
        "grid_pointing": "gradcam",
        "randomisation": "deconvnet",
    },
    "made": dict.fromkeys(("activation_maximization", "regularisation", "preset", "jitter"), "maximization"),
    "frequencies": dict.fromkeys(("aliasing", "nyquist", "grating"), "stride"),
}
TERMS = {term: page for terms in SECTIONS.values() for term, page in terms.items()}
# Words of every day, or of the pages' own controls, which a reader of a sentence does not stumble over.
UNLINKED = {"class", "scale", "preset", "trace", "occlusion"}
MOST_LINKS = 4

_UNTOUCHED = r"```.*?```|`[^`]*`|\$[^$]*\$|!?\[[^\]]*\]\([^)]*\)|<[^>]*>|https?://\S+|^#{1,6} [^\n]*"
# What may follow a term: in English an ending of the plural, in Korean up to three particles, which stay outside.
_PLURAL = {"en": "(?:e?s)?", "ko": ""}
_AFTER = {"en": r"(?![\w+-])", "ko": rf"(?=(?:{'|'.join(PARTICLES)}){{0,3}}(?![\w+-]))"}


def slug(term: str) -> str:
    """Return a term as it is written in an address."""
    return term.replace("_", "-")


def asked() -> str | None:
    """Return the term that the address asks for, None if it asks for none that there is."""
    return next((term for term in TERMS if slug(term) == st.query_params.get("term")), None)


def parameter() -> dict[str, str]:
    """Return the term that the address asks for as its parameter, to be kept beside the selection's."""
    term = asked()
    return {"term": slug(term)} if term else {}


def numbers(config: ZFNetConfig) -> dict[str, int]:
    """Return what the entries say of the loaded network."""
    channels, side, _ = shapes(config)["conv5"]
    field = receptive_field(config, "conv5")
    return {
        "kernel": config.conv1.kernel,
        "filters": config.conv1.filters,
        "stride": config.conv1.stride,
        "padding": config.conv1.padding,
        "limit": 2 * config.conv1.stride,
        "pool": config.pool1.kernel,
        "pool_stride": config.pool1.stride,
        "field": field.size,
        "jump": field.jump,
        "channels": channels,
        "side": side,
        "units": config.fc6,
        "classes": config.num_classes,
    }


def holds(term: str, searched: str) -> bool:
    """Return whether an entry has what was searched for in its name, in any language, or in its words."""
    names = [text(f"glossary.{term}.name", language) for language in LANGUAGES]
    return searched.casefold() in "\n".join([*names, _says(term)]).casefold()


def entry(term: str) -> None:
    """Show what a term means, with the way to the page where one sees it."""
    language, name = selection().language, t(f"glossary.{term}.name")
    english = text(f"glossary.{term}.name", "en")
    with st.container(border=True, height="stretch", gap="xsmall"):
        # English is what papers are written in: it stands beside the word of any other language.
        st.subheader(name if name == english else f"{name} ({english})", anchor=slug(term))
        st.markdown(linked(_says(term), language, term))
        page = TERMS[term]
        st.page_link(f"../{page}.py", label=t(f"{page}.title"), icon=":material/arrow_forward:")


def _says(term: str) -> str:
    return t(f"glossary.{term}.says", **numbers(session().info.config))


@lru_cache(maxsize=1000)
def linked(markdown: str, language: str, entry: str = "") -> str:
    """Return a Markdown text in which terms lead to their entries: the first occurrence of each, the longest first.

    Code, formulas, links and headings stay as they are. Within the entry of a term, links stay on the page and leave
    the term itself out.
    """
    terms, pattern = _pattern(language)
    before = set(re.findall(r"\]\((?:glossary\?term=|#)([a-z-]+)", markdown))
    found: dict[str, re.Match[str]] = {}
    for match in pattern.finditer(markdown):
        if match.lastindex and slug(terms[match.lastindex - 1]) not in before | {slug(entry)}:
            found.setdefault(slug(terms[match.lastindex - 1]), match)
    longest = sorted(found.items(), key=lambda item: -len(item[1][0]))[: max(MOST_LINKS - len(before), 0)]
    for name, match in sorted(longest, key=lambda item: -item[1].start()):
        address = f"#{name}" if entry else f"glossary?term={name}&lang={language}"
        markdown = f"{markdown[: match.start()]}[{match[0]}]({address}){markdown[match.end() :]}"
    return markdown


@cache
def _pattern(language: str) -> tuple[list[str], re.Pattern[str]]:
    """Return the terms that are linked, one for each group of the pattern that finds them, the longest name first."""
    names = [(name, term) for term in TERMS for name in text(f"glossary.{term}.name", language).split(", ")]
    names = sorted(((name, term) for name, term in names if term not in UNLINKED), key=lambda pair: -len(pair[0]))
    # A space may be written as a hyphen, and the other way round.
    forms = [re.sub(r"\\?[ -]", "[ -]", re.escape(name)) for name, _ in names]
    groups = "|".join(f"({form}{_PLURAL[language]})" for form in forms)
    found = rf"{_UNTOUCHED}|(?<![\w:-])(?:{groups}){_AFTER[language]}"
    return [term for _, term in names], re.compile(found, re.IGNORECASE | re.MULTILINE | re.DOTALL)
