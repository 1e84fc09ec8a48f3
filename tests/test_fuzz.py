"""Hostile input, in short: the first cases of `make fuzz`, the same each time; and the address, lessons and words."""

import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pages.shared.frame import verbatim
from pages.shared.selection import Limits, Selection, consistent, from_query
from pages.shared.yaml_nodes import BrokenFileError, read_yaml
from tests.fuzz.campaign import run
from zfnet.geometry import LAYERS, TABLE, shapes

SEED = 0
LIMITS = Limits(
    shapes={name: shape for name, shape in shapes(TABLE).items() if name in LAYERS},
    classes=1000,
    heads=("fc", "gap"),
    samples=("husky", "pug"),
    lessons={"why": 3},
)
DEFAULT = Selection(image="husky")
known = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize(("what", "number"), [("uploads", 400), ("checkpoints", 120)])
def test_nothing_but_a_refusal_comes_out_of_damaged_files(what: str, number: int, tmp_path: Path) -> None:
    campaign = run(what, range(number), seed=SEED, folder=tmp_path)
    assert not campaign.faults
    assert sum(summary.words.total() for summary in campaign.summaries.values()) == number
    assert any(summary.words["picture"] or summary.words["network"] for summary in campaign.summaries.values())


# --- The address ------------------------------------------------------------------------------------------------------

# Numbers at edges, what is nearly right, and anything.
values = st.one_of(
    st.sampled_from([*DEFAULT.to_query().values(), "gap", "pool5", "why", "sha256-" + 64 * "0", "١٢", "1e999", "nan"]),
    st.integers().map(str),
    st.floats().map(str),
    st.lists(st.integers() | st.floats(), max_size=3).map(lambda numbers: ",".join(map(str, numbers))),
    st.text(max_size=50),
)


@known
@given(st.dictionaries(st.sampled_from([*DEFAULT.to_query(), "room", "unknown"]), values))
def test_any_address_gives_a_selection_that_exists(query: dict[str, str]) -> None:
    chosen, corrections = from_query(query, LIMITS, DEFAULT)
    assert chosen == consistent(chosen)
    channels, height, width = LIMITS.shapes[chosen.layer]
    assert chosen.channel is None or 0 <= chosen.channel < channels
    assert chosen.position is None or (0 <= chosen.position[0] < height and 0 <= chosen.position[1] < width)
    assert chosen.class_index is None or 0 <= chosen.class_index < LIMITS.classes
    assert 0 <= chosen.offset <= 1
    assert {correction.parameter for correction in corrections} <= query.keys()
    again, corrected = from_query(chosen.to_query(), LIMITS, DEFAULT)
    assert (again, corrected) == (chosen, ())


# --- Lessons ----------------------------------------------------------------------------------------------------------

yaml_text = st.one_of(
    st.text(max_size=200),
    st.text("[]{}:,-?&*!|>#%@`'\"\n \t" + string.ascii_lowercase[:3], max_size=200),
    st.recursive(
        st.text(max_size=9), lambda inside: st.lists(inside) | st.dictionaries(st.text(max_size=5), inside)
    ).map(repr),
)


@known
@given(yaml_text)
def test_any_text_is_a_tree_or_a_broken_file_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lesson.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    broken = None
    try:
        read_yaml(path)
    except BrokenFileError as error:
        broken = error
    if broken:
        assert 1 <= broken.line <= len(text.splitlines()) + 2
        assert broken.reason in BrokenFileError.REASONS


HOSTILE_YAML = {
    "alias": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
    "deep": "[" * 5000,
    "large": "- x\n" * 20_000,
    "mapping": "!!python/object/apply:pathlib.Path.touch ['{mark}']",
}


@pytest.mark.parametrize("reason", HOSTILE_YAML)
def test_a_hostile_lesson_is_refused_and_runs_nothing(reason: str, tmp_path: Path) -> None:
    path, mark = tmp_path / "lesson.yaml", tmp_path / "mark"
    path.write_text(HOSTILE_YAML[reason].replace("{mark}", str(mark)))
    with pytest.raises(BrokenFileError) as caught:
        read_yaml(path).mapping(("title",))
    assert caught.value.reason == reason
    assert not mark.exists()


# --- Words of others --------------------------------------------------------------------------------------------------


@known
@given(st.text(max_size=300) | st.text("`*_[]()<>!\n\\&;:# \u202e\u2066", max_size=100))
def test_words_of_others_cannot_leave_their_place(words: str) -> None:
    shown = verbatim(words)
    assert shown.startswith("`")
    assert shown.endswith("`")
    assert "`" not in shown[1:-1]
    assert len(shown) <= 82
    assert {unicodedata.category(character) for character in shown}.isdisjoint({"Cc", "Cf", "Cs"})
    shown.encode()
