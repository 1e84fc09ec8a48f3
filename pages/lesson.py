"""Guided lessons: a step's text and pictures, and a question that is predicted before it is measured."""

import streamlit as st

from pages.shared import predictions
from pages.shared.frame import verbatim
from pages.shared.lesson_pictures import pictures
from pages.shared.lessons import Lesson, Step
from pages.shared.state import enter, lesson, library, selection, t


def choose_lesson() -> None:
    """Show all lessons to choose from, and which files hold none."""
    st.markdown(t("lesson.what"))
    for name, offered in library().lessons.items():
        with st.container(border=True):
            st.header(offered.title[selection().language], anchor=False)
            asked = sum(step.question is not None for step in offered.steps)
            st.caption(t("lesson.size", steps=len(offered.steps), questions=asked))
            st.button(t("lesson.begin"), key=f"begin_{name}", on_click=enter, args=(name,), type="primary")
    for broken in library().errors:
        theirs = {key: verbatim(str(broken.values[key])) for key in ("given", "problem") if key in broken.values}
        reason = t(f"lesson.broken_{broken.reason}", **(broken.values | theirs))
        st.error(t("lesson.broken", file=verbatim(broken.file), line=broken.line, reason=reason))


def go(taken: Lesson, step: int) -> None:
    """Show where one is, and the ways back and on."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(t("lesson.all"), key="all_lessons", icon=":material/menu_book:", on_click=enter, args=("none",))
        st.button(
            t("lesson.previous"),
            key="previous",
            shortcut="Left",
            disabled=step == 0,
            on_click=enter,
            args=(taken.name, step - 1),
        )
        st.button(
            t("lesson.next"),
            key="next",
            shortcut="Right",
            disabled=step == len(taken.steps) - 1,
            on_click=enter,
            args=(taken.name, step + 1),
        )
        right, asked = predictions.score(taken)
        progress = t("lesson.progress", step=step + 1, steps=len(taken.steps))
        st.markdown(f"{progress} · {t('lesson.score', right=right, asked=asked)}" if asked else progress)


def show(step: Step) -> None:
    """Show a step: what is said and seen, what is asked, and where to go on."""
    language, asked = selection().language, predictions.question(step)
    st.header(step.title[language], anchor=False)
    st.markdown(step.text[language])
    pictures(step.shows)
    if asked:
        predictions.show(step, asked)
    elif step.question:
        st.info(t("lesson.unfair"))
    if predictions.revealed(asked):
        pictures(step.reveals)
        if step.page:
            st.page_link(f"../{step.page}.py", label=t("lesson.go_on", page=t(f"{step.page}.title")))


taken = lesson()
if taken is None:
    choose_lesson()
else:
    chosen, number = taken
    st.caption(chosen.title[selection().language])
    go(chosen, number)
    show(chosen.steps[number])
    if number == len(chosen.steps) - 1:
        right, asked = predictions.score(chosen)
        st.info(t("lesson.summary", right=right, asked=asked) if asked else t("lesson.summary_none"))
