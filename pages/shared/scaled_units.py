"""Maps of any convolution, or cells of them, times a factor: what becomes of the logits and of the answer."""

import streamlit as st
from PIL import Image

from pages.shared import results
from pages.shared.frame import verbatim
from pages.shared.occlusions import percent, points
from pages.shared.results import abandoned, cached
from pages.shared.state import t, view
from pages.shared.widgets import class_name, shares
from pages.shared.widgets import unit as selected_unit
from zfnet import InferenceSession, SelectionError, Unit
from zfnet.geometry import CONVOLUTIONS, shapes
from zfnet.knockout import Knockout

_COUNT = 5
# Three times as strong shows what more of a map does; far above, the values are none that the network ever saw.
_STRONGEST, _STEP = 3.0, 0.25
_CHOSEN, _FACTOR = "scaled_units", "scale_factor"


@cached
def scaled(
    session: InferenceSession, view: Image.Image, units: tuple[str, ...], head: str, *, scale: float = 0.0
) -> Knockout:
    """Return the answer with some units times a factor, by default without them."""
    return session.knockout(view, units, scale=scale, head=head, cancel=abandoned)


def switch_off(units: list[str]) -> None:
    """Choose units, and no others, to be switched off."""
    st.session_state[_CHOSEN], st.session_state[_FACTOR] = units, 0.0


def show(index: int, head: str) -> None:
    """Let units be chosen and a factor, and show the logits and the answer before and after."""
    st.header(t("knockout.scaling"), anchor=False)
    st.caption(t("knockout.scaling_what", strongest=_STRONGEST))
    units, factor = _chosen(), _factor()
    if not units:
        return
    answer = scaled(results.session(), view(), units, head, scale=factor)
    before, after = st.columns(2, gap="medium")
    with before:
        st.caption(t("knockout.before"))
        old = results.classification(results.session(), view(), head).classes
        shares([(class_name(score.index), score.probability) for score in old])
    with after:
        told = {"count": len(units), "factor": f"{factor:g}"}
        st.caption(t("knockout.after_scaled" if factor else "knockout.after", **told))
        shares([(class_name(i), float(answer.probabilities_after[i])) for i in answer.top(_COUNT)])
    _sentence(index, answer)
    classes = [index, *(score.index for score in old), *answer.top(_COUNT)]
    st.table(_table(list(dict.fromkeys(classes)), answer), border="horizontal", alt=t("knockout.logits_alt"))
    st.caption(t("knockout.scaling_limits"))


def _chosen() -> tuple[str, ...]:
    """Show the choice of channels and cells, with the selected unit to be added by a click; return what exists."""
    config = results.session().info.config
    channels = {layer: shapes(config)[layer][0] for layer in CONVOLUTIONS}
    named = st.multiselect(
        t("knockout.choose"),
        [f"{layer}:{channel}" for layer, count in channels.items() for channel in range(count)],
        key=_CHOSEN,
        placeholder=t("knockout.none"),
        accept_new_options=True,
        filter_mode="prefix",
        select_all=False,
        persist_state="session",
    )
    units: list[str] = []
    for name in named:
        try:
            units.append(str(Unit.parse(name).check(config, CONVOLUTIONS)))
        except SelectionError:
            exist = ", ".join(f"{layer}:0–{count - 1}" for layer, count in channels.items())
            st.warning(t("knockout.no_unit", text=verbatim(name), channels=exist))
    _offer()
    return tuple(dict.fromkeys(units))


def _offer() -> None:
    """Show buttons that add the selected channel, and its cell if one is selected, where they are not chosen yet."""
    unit = selected_unit()
    if unit.layer not in CONVOLUTIONS:
        return
    channel = Unit(unit.layer, unit.channel)
    with st.container(horizontal=True):
        _button(channel, t("knockout.add", unit=channel))
        if unit.position:
            row, column = unit.position
            _button(unit, t("knockout.add_cell", unit=channel, row=row, column=column))


def _button(unit: Unit, label: str) -> None:
    here = str(unit) in st.session_state[_CHOSEN]
    kind = "cell" if unit.position else "channel"
    st.button(label, key=f"add_{kind}", on_click=_add, args=(str(unit),), disabled=here, icon=":material/add:")


def _add(unit: str) -> None:
    st.session_state[_CHOSEN] = [*st.session_state[_CHOSEN], unit]


def _factor() -> float:
    return st.slider(t("knockout.factor"), 0.0, _STRONGEST, 0.0, _STEP, key=_FACTOR, persist_state="session", width=360)


def _sentence(index: int, answer: Knockout) -> None:
    was, now = (float(p[index]) for p in (answer.probabilities_before, answer.probabilities_after))
    low, high = (float(logits[index]) for logits in (answer.logits_before, answer.logits_after))
    said = {"before": percent(was), "after": percent(now), "low": _logit(low), "high": _logit(high)}
    st.markdown(t("knockout.change", name=class_name(index), **said))


def _table(classes: list[int], answer: Knockout) -> dict[str, list[str]]:
    """Return logits and probabilities before and after, class by class, and last the mean of all logits."""
    logits, chances = (
        [(float(before[i]), float(after[i])) for i in classes]
        for before, after in (
            (answer.logits_before, answer.logits_after),
            (answer.probabilities_before, answer.probabilities_after),
        )
    )
    logits.append((float(answer.logits_before.mean()), float(answer.logits_after.mean())))
    return {
        t("knockout.column_class"): [*map(class_name, classes), t("knockout.mean_logit")],
        t("knockout.column_logit"): [f"{_logit(was)} → {_logit(now)}" for was, now in logits],
        t("knockout.column_change"): [_logit(now - was, sign="+") for was, now in logits],
        t("knockout.column_share"): [*(f"{percent(was)} → {percent(now)}" for was, now in chances), ""],
        # Of the shares as they are told, so that they can be subtracted by hand.
        t("knockout.column_points"): [*(points(round(now, 3) - round(was, 3)) for was, now in chances), ""],
    }


def _logit(value: float, sign: str = "") -> str:
    # What is nought to two digits has no sign.
    return f"{round(value, 2) + 0.0:{sign}.2f}".replace("-", "−")
