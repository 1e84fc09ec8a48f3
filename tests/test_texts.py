"""Every text of the pages in both languages: the same keys and placeholders, nothing missing, nothing left over."""

import ast
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from string import Formatter

import pytest
from PIL import Image

from pages.shared import texts
from pages.shared.selection import SCALES
from tests.test_house import INTERFACE, name
from zfnet import InvalidImageError, decode_image
from zfnet.decoding import FORMATS, MAX_BYTES, REASONS
from zfnet.feature_maps import ORDERS
from zfnet.geometry import TABLE, layer_table
from zfnet.images import CROP_MODES
from zfnet.occlusion import FILLS
from zfnet.render import UNSIGNED
from zfnet.stride import VERDICTS

HANGUL = re.compile("[가-힣]")
SENTENCE = re.compile(r"[A-Za-z]+ [a-z]+ [a-z]+")
WORD = re.compile(r"[^\W\d_]{2,}")
PARTICLES = {"을/를", "이/가", "은/는", "과/와", "이나/나", "이라/라", "이라는/라는", "아/야", "으로/로"}
DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# A key that is put together from a section and a value stands for these; any other variable part is a word of the code.
VALUES = {
    "architecture.*": [row.kind.replace(" ", "_") for row in layer_table(TABLE)],
    "colours.*": UNSIGNED,
    "image_errors.*": REASONS,
    "frame.crop_*": CROP_MODES,
    "feature_maps.scale_*": SCALES,
    "feature_maps.order_*": ORDERS,
    "stride.verdict_*": VERDICTS,
    "occlusion.fill_*": tuple(FILLS),
}
PROPER_NAMES = {"ZFNet Explorer", *texts.LANGUAGES.values()}
# What is read in a call, by Streamlit's names and by our own: these arguments by name, and those by place.
READ_BY_NAME = {"label", "help", "caption", "alt", "placeholder", "title", "body", "text", "page_title", "value_label"}
READ_BY_PLACE = {
    (0,): "title header subheader markdown write text caption html info warning error success toast button "
    "download_button link_button selectbox multiselect segmented_control pills slider select_slider number_input "
    "text_input text_area toggle checkbox radio file_uploader expander popover spinner status Column ProgressColumn",
    (1,): "progress",
    (1, 2): "picture",
    (2,): "choose",
}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def called(node: ast.AST) -> str:
    """Return the last part of the name that a call calls, nothing for other nodes."""
    return getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""


def is_logged(node: ast.AST) -> bool:
    """Return whether a node is a call that writes to the server's log, which is English."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith("logging.")


def says(node: ast.AST) -> bool:
    """Return whether a node is a call that takes a key of the catalogue: ``t(...)`` or ``text(...)``."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("t", "text")


def strings(node: ast.AST) -> Iterator[str]:
    """Return the string constants below a node, each f-string as one with ``*`` for what is filled in; keys of the
    catalogue and what is logged are left out."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from strings(part.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif not says(node) and not is_logged(node):
        for child in ast.iter_child_nodes(node):
            yield from strings(child)


def keys(module: ast.Module) -> set[str]:
    """Return the keys of all calls of ``t`` and ``text``, ``*`` for a variable part."""
    said = (node.args[0] for node in ast.walk(module) if isinstance(node, ast.Call) and says(node))
    return {key for argument in said for key in strings(argument) if "." in key}


def meant(key: str) -> set[str]:
    """Return the keys of the catalogue that a key of the code can stand for."""
    if key in VALUES:
        return {key.replace("*", value) for value in VALUES[key]}
    pattern = re.compile(r"\w+".join(map(re.escape, key.split("*"))))
    return {known for known in texts.catalogue("en") if pattern.fullmatch(known)} or {key}


def literals(module: ast.Module) -> set[str]:
    """Return what a visitor would read although it is in no catalogue."""
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and not says(node) and not is_logged(node):
            places = next((places for places, names in READ_BY_PLACE.items() if called(node) in names.split()), ())
            read = [node.args[i] for i in places if i < len(node.args)]
            read += [keyword.value for keyword in node.keywords if keyword.arg in READ_BY_NAME]
            found |= {text for argument in read for text in strings(argument)}
    plain = {text: re.sub(r"<[^>]*>|:material/\w+:", "", text) for text in found}
    for proper in PROPER_NAMES:
        plain = {text: rest.replace(proper, "") for text, rest in plain.items()}
    return {text for text, rest in plain.items() if WORD.search(rest)}


def placeholders(text: str) -> dict[str, set[str]]:
    """Return the names that a text fills in, each with its formats."""
    found: dict[str, set[str]] = {}
    for _, field, form, conversion in Formatter().parse(text):
        if field is not None:
            assert field.isidentifier()
            assert not conversion
            found.setdefault(field, set()).add(form or "")
    return found


USED = {key for path in INTERFACE for key in keys(tree(path))}
CATALOGUES = {language: texts.catalogue(language) for language in texts.LANGUAGES}


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(CATALOGUES["en"]) == list(CATALOGUES["ko"])


def test_both_languages_fill_in_the_same_values_in_the_same_form() -> None:
    unlike = set()
    for key in CATALOGUES["en"]:
        english, korean = (placeholders(CATALOGUES[language][key]) for language in ("en", "ko"))
        numeric = {field: {form for form in forms if not HANGUL.search(form)} - {""} for field, forms in korean.items()}
        if numeric != {field: forms - {""} for field, forms in english.items()}:
            unlike.add(key)
    assert unlike == set()


def test_every_particle_is_of_a_known_pair() -> None:
    forms = {f for text in CATALOGUES["ko"].values() for forms in placeholders(text).values() for f in forms}
    assert {form for form in forms if HANGUL.search(form)} <= PARTICLES


def test_no_text_is_empty_or_in_the_wrong_language() -> None:
    english, korean = CATALOGUES["en"], CATALOGUES["ko"]
    assert {key for key, text in english.items() if not text or HANGUL.search(text)} == set()
    # A proper name is the same in both, such as Grad-CAM.
    foreign = {key for key, text in korean.items() if not HANGUL.search(text)}
    assert {key for key in foreign if korean[key] != english[key] or " " in korean[key]} == set()


def test_every_key_that_the_pages_use_exists() -> None:
    assert {key for key in USED if re.fullmatch(r"\w+\.\*", key)} <= VALUES.keys()
    assert {known for key in USED for known in meant(key)} - CATALOGUES["en"].keys() == set()


@pytest.mark.parametrize("path", INTERFACE, ids=name)
def test_every_value_that_a_text_fills_in_is_given(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if says(node) and isinstance(node, ast.Call) and all(keyword.arg for keyword in node.keywords):
            given = {keyword.arg for keyword in node.keywords}
            # Of keys with a variable part, only the page knows which texts they are.
            for key in CATALOGUES["en"].keys() & set(strings(node.args[0])):
                assert placeholders(CATALOGUES["en"][key]).keys() <= given, f"line {node.lineno}: {key}"


def test_no_text_is_left_over() -> None:
    assert CATALOGUES["en"].keys() - {known for key in USED for known in meant(key)} == set()


@pytest.mark.parametrize("path", INTERFACE, ids=name)
def test_no_page_says_anything_that_is_in_no_catalogue(path: Path) -> None:
    assert literals(tree(path)) == set()


@pytest.mark.parametrize("path", [path for path in INTERFACE if path.name != "texts.py"], ids=name)
def test_no_sentence_and_no_korean_stands_in_the_code(path: Path) -> None:
    module = tree(path)
    explained = {ast.get_docstring(n, clean=False) for n in ast.walk(module) if isinstance(n, DOCUMENTED)}
    spoken = {text for text in strings(module) if HANGUL.search(text) or SENTENCE.search(text)}
    markup = {text for text in spoken if "<" in text or "{" in text}
    assert {text for text in spoken - explained - markup if set(WORD.findall(text)) - PROPER_NAMES} == set()


def test_texts_are_found_wherever_they_stand() -> None:
    sly = ast.parse(
        "st.info('Hello there')\ncolumn.button(f'Go {where}', key='go')\npicture(png, alt='A cat', caption=t('a.b'))\n"
        "st.caption(x if y else 'Or else')\nst.title(t('a.c' if x else f'a.d_{x}'), icon=':material/undo:')\n"
        "st.html('<b class=\"x\">1</b>')\nst.Page('pages/x.py', title='Mine')\nchoose(st.toggle, 'field', 'Switch')\n"
        "st.text('Plain')\nst.error(text('a.e', language))\nlogging.getLogger('x').error('gone wrong')"
    )
    assert literals(sly) == {"Hello there", "Go *", "A cat", "Or else", "Mine", "Switch", "Plain"}
    assert keys(sly) == {"a.b", "a.c", "a.d_*", "a.e"}


@pytest.mark.parametrize(
    ("word", "after"),
    [
        ("고양이", "를"),
        ("신발", "을"),
        ("까치 (18)", "를"),
        ("호랑이(대형 동물)", "를"),
        ("신발 (a)", "을"),
        *[(f"conv5:{digit}", particle) for digit, particle in enumerate("을을를을를를을을을를")],
        ("conv5:17@6,10", "을"),
        ("fc8", "을"),
        ("cat", "를"),
        ("pool", "을"),
        ("TIFF", "를"),
    ],
)
def test_a_particle_fits_the_last_syllable(word: str, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "catalogue", lambda language: {"key": "<{name:을/를}> {name}"})
    assert texts.text("key", "ko", name=word) == f"<{word}{after}> {word}"


@pytest.mark.parametrize(
    ("word", "after"),
    [
        ("고양이", "로"),
        ("신발", "로"),
        ("집", "으로"),
        *zip("0123456789", ["으로", *"로로", "으로", *"로로", "으로", *"로로로"], strict=True),
    ],
)
def test_after_a_final_rieul_stands_ro(word: str, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "catalogue", lambda language: {"key": "{name:으로/로}"})
    assert texts.text("key", "ko", name=word) == word + after


def test_numbers_keep_their_formats_beside_particles() -> None:
    said = texts.text("image_errors.too_many_bytes", "ko", bytes=30_000_000, limit=MAX_BYTES)
    assert "30,000,000바이트" in said
    assert "{" not in said


def test_what_is_filled_in_is_not_filled_in_again() -> None:
    assert "{layer}" in texts.text("frame.corrected", "ko", parameter="layer", given="{layer}", taken="conv5")


def test_there_is_a_sentence_for_every_reason_to_refuse_a_picture() -> None:
    for catalogue in CATALOGUES.values():
        assert {key for key in catalogue if key.startswith("image_errors.")} == {f"image_errors.{r}" for r in REASONS}


def encoded(size: tuple[int, int], form: str = "PNG", mode: str = "RGB") -> bytes:
    file = BytesIO()
    Image.new(mode, size).save(file, form)
    return file.getvalue()


REFUSED: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "too_many_bytes": lambda: bytes(MAX_BYTES + 1),
    "not_a_picture": lambda: b"a text",
    "heic": lambda: b"\0\0\0\x18ftypheic" + bytes(16),
    "truncated": lambda: encoded((64, 64), "JPEG")[:-100],
    "broken": lambda: encoded((64, 64), "PNG").replace(b"IDAT", b"IDAX"),
    "too_many_pixels": lambda: encoded((10_000, 7_000), mode="1"),
    "too_small": lambda: encoded((20, 64)),
    "too_elongated": lambda: encoded((32, 1000)),
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_refusal_is_said_in_both_languages_with_its_numbers(reason: str) -> None:
    with pytest.raises(InvalidImageError) as refusal:
        decode_image(REFUSED[reason]())
    assert refusal.value.reason == reason
    for language in texts.LANGUAGES:
        said = texts.text(f"image_errors.{reason}", language, **refusal.value.values)
        assert "{" not in said
        for form in FORMATS if "formats" in placeholders(CATALOGUES[language][f"image_errors.{reason}"]) else ():
            assert form in said
