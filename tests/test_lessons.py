"""Lessons: those of the project are whole and can be given; whatever is wrong with a file is told with its place."""

import os
from pathlib import Path

import pytest

from pages.shared import frame, lesson_pictures, lessons, question_kinds, texts
from pages.shared.lessons import Library, Written, files, read_lesson, read_library
from pages.shared.pictures import samples
from pages.shared.selection import Limits
from pages.shared.yaml_nodes import MAX_BYTES, MAX_DEPTH, BrokenFileError
from tests.test_house import ROOT
from zfnet.geometry import LAYERS, TABLE, shapes

LIMITS = Limits(
    shapes={name: shape for name, shape in shapes(TABLE).items() if name in LAYERS},
    classes=1000,
    heads=("fc", "gap"),
    samples=tuple(samples()),
)
OWN = sorted(lessons.FOLDER.glob("*.yaml"))
WORDS = "{en: A, ko: 가}"
STEP = f"title: {WORDS}\nsteps:\n  - title: {WORDS}\n    text: {WORDS}\n"
WRITTEN = f"    question:\n      text: {WORDS}\n      explanation: {WORDS}\n"


def broken(tmp_path: Path, content: str | bytes) -> BrokenFileError:
    """Return what is wrong with a file."""
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BrokenFileError) as caught:
        read_lesson(path, LIMITS)
    assert caught.value.file == "mine.yaml"
    return caught.value


def library(*paths: Path) -> Library:
    return read_library(paths, LIMITS)


def test_the_project_has_three_lessons() -> None:
    assert [path.stem for path in OWN] == ["edges-to-parts", "which-pixels", "why-stride-two"]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_every_lesson_of_the_project_has_five_to_seven_steps_and_three_questions(path: Path) -> None:
    lesson = read_lesson(path, LIMITS)
    assert lesson.name == path.stem
    assert 5 <= len(lesson.steps) <= 7
    assert sum(step.question is not None for step in lesson.steps) >= 3
    assert len({step.title["en"] for step in lesson.steps}) == len(lesson.steps)
    for words in (lesson.title, *(text for step in lesson.steps for text in (step.title, step.text))):
        assert words.keys() == texts.LANGUAGES.keys()
        assert words["en"].isascii() or "×" in words["en"] or "’" in words["en"]
        assert any("가" <= letter <= "힣" for letter in words["ko"])


def test_what_a_lesson_can_name_is_there() -> None:
    assert set(lessons.PICTURES) == set(lesson_pictures.SHOWN)
    assert set(lessons.QUESTIONS) == set(question_kinds.KINDS)
    assert set(lessons.CONTROLS) == set(frame.CONTROLS)
    assert all((ROOT / "pages" / f"{page}.py").exists() for page in lessons.PAGES)


def test_every_measured_question_is_asked_in_a_lesson() -> None:
    asked = [step.question for path in OWN for step in read_lesson(path, LIMITS).steps]
    assert {kind for kind in asked if isinstance(kind, str)} == set(lessons.QUESTIONS)


def test_a_lesson_says_what_is_selected_shown_hidden_and_asked(tmp_path: Path) -> None:
    path = tmp_path / "Meine Stunde.yaml"
    path.write_text(
        f"{STEP}    select: {{image: cheetah, layer: conv1, position: '6,9', rectified: 0}}\n    shows: [map]\n"
        f"    reveals: [nine, unit]\n    hide: [upload]\n    page: stride\n{WRITTEN}"
        f"      options: [{WORDS}, {WORDS}]\n      right: 2\n",
        "utf-8",
    )
    lesson = read_lesson(path, LIMITS)
    (step,) = lesson.steps
    assert lesson.name == "meine-stunde"
    assert step.select == {"image": "cheetah", "layer": "conv1", "position": "6,9", "rectified": "0"}
    assert (step.shows, step.reveals, step.hide, step.page) == (("map",), ("nine", "unit"), ("upload",), "stride")
    assert isinstance(step.question, Written)
    assert (step.question.right, len(step.question.options)) == (1, 2)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("", 1, "empty"),
        ("title: [", 1, "syntax"),
        (f"title: {WORDS}\nsteps:\n\t- a", 3, "syntax"),
        (f"{STEP}---\n{STEP}", 5, "syntax"),
        ("title: A\x07", 1, "syntax"),
        (b"title: \xff", 1, "unreadable"),
        ("#" * (MAX_BYTES + 1), 1, "large"),
        ("- a", 1, "mapping"),
        (f"title: {WORDS}\n", 1, "missing"),
        (f"title: {WORDS}\nsteps: []\n", 2, "list"),
        (f"title: {WORDS}\nsteps: many\n", 2, "list"),
        (f"title: {WORDS}\ntitle: {WORDS}\nsteps: [a]\n", 2, "twice"),
        (f"title: {{en: A}}\nsteps:\n  - title: {WORDS}\n", 1, "missing"),
        (f"title: {{en: A, ko: }}\nsteps:\n  - title: {WORDS}\n", 1, "words"),
        (f"title: {{en: A, fr: B}}\nsteps:\n  - title: {WORDS}\n", 1, "unknown"),
        (f"title: {WORDS}\nsteps:\n  - titel: {WORDS}\n", 3, "unknown"),
        (f"title: {WORDS}\nsteps:\n  - title: {WORDS}\n", 3, "missing"),
        (f"{STEP}    shows: [map, cat]\n", 5, "unknown"),
        (f"{STEP}    shows: map\n", 5, "list"),
        (f"{STEP}    hide: [everything]\n", 5, "unknown"),
        (f"{STEP}    page: ../app\n", 5, "unknown"),
        (f"{STEP}    question: riddle\n", 5, "unknown"),
        (f"{STEP}    question: [unit]\n", 5, "words"),
        (f"{STEP}    select: {{layer: conv9}}\n", 5, "nowhere"),
        (f"{STEP}    select:\n      layer: conv1\n      channel: 96\n", 7, "nowhere"),
        (f"{STEP}    select: {{image: unicorn}}\n", 5, "nowhere"),
        (f"{STEP}    select: {{lang: ko}}\n", 5, "unknown"),
        (f"{STEP}{WRITTEN}      options: [{WORDS}]\n      right: 1\n", 8, "number"),
        (f"{STEP}{WRITTEN}      options: [{WORDS}, {WORDS}]\n      right: 3\n", 9, "number"),
        (f"{STEP}{WRITTEN}      options: [{WORDS}, {WORDS}]\n      right: both\n", 9, "number"),
        (f"{STEP}{WRITTEN}      options: [{WORDS}, {WORDS}]\n", 6, "missing"),
        (f"title: &a {WORDS}\nsteps:\n  - title: *a\n", 3, "alias"),
        ("title: " + "[" * (MAX_DEPTH + 1), 1, "deep"),
        (f"title: {WORDS}\nsteps:\n" + f"  - {{title: {WORDS}, text: {WORDS}}}\n" * 31, 33, "number"),
    ],
)
def test_whatever_is_wrong_is_told_with_its_line(content: str | bytes, line: int, reason: str, tmp_path: Path) -> None:
    error = broken(tmp_path, content)
    assert (error.reason, error.line) == (reason, line)
    for language in texts.LANGUAGES:
        assert str(error.values.get("given", "")) in texts.text(f"lesson.broken_{reason}", language, **error.values)


def test_an_unknown_key_is_told_with_what_is_allowed(tmp_path: Path) -> None:
    error = broken(tmp_path, f"title: {WORDS}\nsteps:\n  - titel: {WORDS}\n")
    assert error.values == {"given": "titel", "allowed": ", ".join(lessons.STEP)}


def test_references_that_multiply_are_refused_before_they_are_followed(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 60))
    error = broken(tmp_path, bomb)
    assert (error.reason, error.line) == ("alias", 2)


def test_every_reason_has_a_sentence_and_every_sentence_a_reason() -> None:
    sentences = {key for key in texts.catalogue("en") if key.startswith("lesson.broken_")}
    assert sentences == {f"lesson.broken_{reason}" for reason in BrokenFileError.REASONS}


def test_a_broken_file_leaves_the_others_alone(tmp_path: Path) -> None:
    for name, content in {"a.yaml": STEP, "b.yaml": "title: [", "c.yml": STEP}.items():
        (tmp_path / name).write_text(content, "utf-8")
    found = library(*sorted(tmp_path.iterdir()))
    assert list(found.lessons) == ["a", "c"]
    assert [(error.file, error.line) for error in found.errors] == [("b.yaml", 1)]


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    for name in ("none.yaml", "Which-Pixels.yaml"):
        (tmp_path / name).write_text(STEP, "utf-8")
    found = library(*OWN, *sorted(tmp_path.iterdir()))
    assert [error.reason for error in found.errors] == ["taken", "taken"]
    assert len(found.lessons) == len(OWN)


def test_lessons_of_a_teacher_come_after_those_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZFNET_LESSONS", raising=False)
    assert list(files()) == OWN
    (tmp_path / "a.yaml").write_text(STEP, "utf-8")
    (tmp_path / "notes.txt").write_text("", "utf-8")
    monkeypatch.setenv("ZFNET_LESSONS", str(tmp_path))
    assert list(files()) == [*OWN, tmp_path / "a.yaml"]
    monkeypatch.setenv("ZFNET_LESSONS", os.fspath(tmp_path / "gone"))
    assert list(files()) == OWN
