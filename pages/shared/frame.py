"""What stands around every page: the choice of picture, unit and class at the side, what the network saw and says on
top."""

from collections.abc import Collection

import streamlit as st

from pages.shared import follow, login
from pages.shared.pictures import samples
from pages.shared.results import classification, plain, ranking, session
from pages.shared.share import toolbar
from pages.shared.state import (
    MAX_UPLOADS,
    corrections,
    foreign,
    missing,
    picture,
    picture_title,
    provenance,
    receive,
    restorable,
    restore_selection,
    select,
    selection,
    t,
    upload_errors,
    uploads,
    view,
)
from pages.shared.texts import LANGUAGES, legible
from pages.shared.widgets import answer, choose, choose_any_class, class_name, thumbnails
from pages.shared.widgets import picture as show
from zfnet.decoding import FORMATS, MAX_BYTES, REASONS
from zfnet.geometry import LAYERS, shapes
from zfnet.images import CROP_MODES

_KNOWN = ":material/info:"
# Streamlit leaves the height of a hand above a page, makes captions and links in them too pale to read, draws bars only
# one to a line, breaks Korean within words, cuts rows of buttons and labels off, and stacks all columns on a phone.
_STYLE = """<style>
.stMainBlockContainer { padding: 4.25rem 2.5rem 2rem; }
.stMainBlockContainer h1 { padding: 0; }
.stMainBlockContainer h2 { padding: 0.5rem 0 1rem; }
[data-testid="stMain"]:focus-visible { outline: 2px solid; outline-offset: -2px; }
[data-testid="stSidebarUserContent"] { padding-top: 0; }
/* All pages in one line of 1280 pixels: beside them, Streamlit keeps five times the room that its menu takes. */
.st-key-toolbar { column-gap: 0.1rem; }
.st-key-toolbar button, .st-key-toolbar a { padding-inline: 2px; }
[data-testid="stTopNav"] { flex: 1 1 0; padding-right: 0; }
[data-testid="stTopNav"] + div { flex: none; width: 2.5rem; min-width: 0; }
[data-testid="stTopNavLink"] { padding: 0 5px; }
.rc-overflow-item > div { margin-right: 1px; }
.stApp [data-testid="stCaptionContainer"] { color: #5c5c5c; color: light-dark(#5c5c5c, #b4b4b4);
  opacity: 1; }
[data-testid="stCaptionContainer"] a { color: inherit; }
.stApp [kind="primary"]:not(:disabled) { background: #0b6e8a; border-color: #0b6e8a; color: #ffffff; }
.stApp [kind="primary"]:hover { filter: brightness(1.15); }
.stApp [data-testid="stButtonGroup"] [role="radiogroup"] { flex-wrap: wrap; overflow: visible; }
.stApp [data-testid="stCheckbox"] p { white-space: normal; }
/* Else hidden until a mouse is there, from keys and fingers. */
[data-testid="stCode"] button { visibility: visible; }
.stApp * { word-break: keep-all !important; overflow-wrap: break-word; }
ol.answer { list-style: none; margin: 0; padding: 0; }
ol.answer li { position: relative; display: flex; justify-content: space-between; gap: 1rem; margin: 0 0 4px;
  padding: 1px 8px; border-radius: 4px; background: rgba(128, 128, 128, 0.1); overflow: hidden; }
ol.answer .bar { position: absolute; inset: 0 auto 0 0; background: rgba(11, 110, 138, 0.28); }
ol.answer span:not(.bar) { position: relative; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding: 4rem 1rem 2rem; }
  .st-key-header .stColumn + .stColumn { flex: 0 0 31%; min-width: 0; }
  .st-key-header .stColumn + .stColumn + .stColumn { flex: 1 1 0; }
}
</style>"""
# For screen readers: a page is read aloud in the language that the document names, and Streamlit names English.
_SPOKEN = "<script>document.documentElement.lang = '{language}';</script>"


def style() -> None:
    """Say how all pages look; before the navigation, which takes its measure once."""
    st.html(_STYLE)


def sidebar(hidden: Collection[str] = ()) -> None:
    """Show the choices that all pages share, less those of ``CONTROLS`` that are hidden."""
    with st.sidebar:
        st.html(_SPOKEN.format(language=selection().language), unsafe_allow_javascript=True)
        choose(
            st.segmented_control,
            "language",
            "한국어 / English",
            options=list(LANGUAGES),
            format_func=LANGUAGES.get,
            required=True,
            label_visibility="collapsed",
        )
        for name, control in CONTROLS.items():
            if name not in hidden:
                control()
        login.leave()


def header(name: str) -> None:
    """Show the page's title, whether the network is right, what it saw, and what it says."""
    for correction in corrections():
        given, taken = verbatim(correction.given), verbatim(correction.taken)
        st.warning(t("frame.corrected", parameter=correction.parameter, given=given, taken=taken))
    for what, given in foreign().items():
        st.warning(t(f"frame.foreign_{what}", given=verbatim(given), own=verbatim(provenance()[what])))
    if missing():
        st.warning(t("follow.upload") if follow.follows() else t("frame.missing_upload"))
    who, saw, says = st.container(key="header").columns([3.6, 0.85, 1.65], gap="medium")
    with who:
        st.title(name, anchor=False)
        _verdict()
        toolbar()
    with saw:
        alt = t("frame.saw_alt", picture=picture_title())
        show(plain(view()), alt)
    with says:
        answer()


def verbatim(text: str) -> str:
    """Return somebody else's words as Markdown that does nothing but show them: a link must not bring in pictures."""
    words = legible(text).replace("`", "'")
    return f"`{words[:80]}`"


def _pictures() -> None:
    """Show samples and uploads as one strip."""
    thumbnails(
        selection().image,
        key="pictures",
        alt=t("frame.strip_alt", samples=len(samples()), uploads=len(uploads())),
        on_click=lambda name: select(image=name, crop="centre"),
    )


def _upload() -> None:
    """Take files; a fresh uploader follows, so that the bytes are not kept."""
    number = st.session_state.setdefault("uploader", 0)
    key = f"uploader_{number}"

    def received() -> None:
        if st.session_state.uploader != number:
            return  # A click before the fresh one was there: the browser tells of the same files again.
        before = selection().image
        receive([(file.name, file.getvalue()) for file in st.session_state[key]])
        st.session_state.picture_kept = selection().image == before
        st.session_state.uploader += 1

    st.file_uploader(
        t("frame.upload", megabytes=MAX_BYTES // 2**20),
        type=[name.lower() for name in FORMATS] + ["jpg", "tif", "heic"],
        accept_multiple_files=True,
        key=key,
        on_change=received,
        help=t("frame.upload_help", formats=", ".join(FORMATS), count=MAX_UPLOADS),
    )
    for name, error in upload_errors():
        reason = t(f"image_errors.{error.reason}", **error.values) if error.reason in REASONS else str(error)
        st.error(f"{verbatim(name)}: {reason} {t('frame.kept') if st.session_state.picture_kept else ''}")
    if restorable():
        st.info(t("export.restorable"))
        st.button(t("export.restore"), key="restore", on_click=restore_selection)


def _crop() -> None:
    """Show the choice of the square that the network gets."""
    choose(
        st.segmented_control,
        "crop",
        t("frame.crop"),
        options=list(CROP_MODES),
        format_func=lambda mode: t(f"frame.crop_{mode}"),
        required=True,
        help=t("frame.crop_help"),
    )
    if selection().crop == "move" and picture().width == picture().height:
        st.caption(t("frame.square"))
    elif selection().crop == "move":
        choose(st.slider, "offset", t("frame.offset"), min_value=0.0, max_value=1.0, step=0.05)


def _unit() -> None:
    """Show the choice of layer, channel and class."""
    backend, current = session(), view()
    layer = selection().layer
    strongest = ranking(backend, current, layer).channels[0]
    choose(st.selectbox, "layer", t("frame.layer"), options=list(LAYERS))
    choose(
        st.selectbox,
        "channel",
        t("frame.channel", last=shapes(backend.info.config)[layer][0] - 1),
        options=list(range(shapes(backend.info.config)[layer][0])),
        placeholder=t("frame.strongest", channel=strongest),
        index=None,
    )
    choose_any_class("class_index", t("frame.class"), t("frame.most_probable"))


def _verdict() -> None:
    """Say how the network did on a sample whose right answer is known."""
    sample = samples().get(selection().image)
    if sample is None or (not sample.classes and sample.kind != "pattern"):
        return
    if not sample.classes:
        st.markdown(f"{_KNOWN} {t('frame.verdict_pattern')}")
        return
    said = classification(session(), view(), selection().head)
    order = said.probabilities.argsort()[::-1].tolist()
    rank, best = min((order.index(index) + 1, index) for index in sample.classes)
    key = "first" if rank == 1 else "top" if rank <= len(said.classes) else "missed"
    icon = {"first": ":material/check_circle:", "top": _KNOWN, "missed": ":material/error:"}[key]
    st.markdown(f"{icon} {t(f'frame.verdict_{key}', name=class_name(best), rank=rank)}")


def _network() -> None:
    """Say which network this is, how good it is, and where it runs."""
    info = session().info
    lines = [
        t(
            "frame.network",
            name=info.checkpoint_name,
            id=info.checkpoint_id,
            geometry=info.config.geometry,
            device=info.device,
        )
    ]
    lines += [
        t(
            f"frame.accuracy_{name}" if name in ("imagenette", "nips") else "frame.accuracy",
            name=name,
            top5=result["top5"],
        )
        for name, result in info.evaluation.items()
        if "top5" in result and not name.startswith("gap")
    ] or [t("frame.accuracy_unknown")]
    lines += [t("frame.factored", layers=", ".join(info.ranks), rank=max(info.ranks.values()))] if info.ranks else []
    st.caption("  \n".join(lines))


# In the order in which they stand; a lesson hides some of them by these names.
CONTROLS = {"pictures": _pictures, "upload": _upload, "crop": _crop, "unit": _unit, "network": _network}
