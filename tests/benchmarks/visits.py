"""Visitors without a browser, who speak Streamlit's protocol as its frontend does.

The protocol is private, so this fits the pinned version of Streamlit. What a browser does besides is left out: it draws
nothing, and fetches no scripts and styles, which a browser keeps.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Slider_pb2 import Slider
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

PATIENCE = 60.0
_XSRF = "_streamlit_xsrf"
_KEYED = re.compile(r"\$\$ID-[0-9a-f]+-(.+)")
# Of the component ``clickable``: the widget that takes the events of another one.
_EVENTS = "$$STREAMLIT_INTERNAL_KEY_{}__events"
# What a page does without telling this visitor anything.
_SILENT = {"page_config_changed", "session_status_changed", "git_info_changed", "page_profile", "logo", "auto_rerun"}


class Lost(Exception):
    """The server no longer knows the visitor, or cannot be reached."""


@dataclass
class Page:
    """What one run has sent, by place, and the keyed widgets among it."""

    elements: dict[tuple[int, ...], Element] = field(default_factory=dict)
    widgets: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def add(self, place: tuple[int, ...], element: Element) -> None:
        """Take an element, instead of the one that had the place before."""
        self.elements[place] = element
        kind = element.WhichOneof("type") or "empty"
        body = getattr(element, kind)
        keyed = _KEYED.fullmatch(getattr(body, "id", ""))
        if keyed and keyed[1] != "None":
            self.widgets[keyed[1]] = (kind, body)

    def clear(self, place: tuple[int, ...]) -> None:
        """Forget what stands at a place and within it: a container begins there."""
        for inner in [one for one in self.elements if one[: len(place)] == place]:
            del self.elements[inner]

    @property
    def media(self) -> list[str]:
        """Return the addresses of the pictures."""
        pictures = (image.url for element in self.elements.values() for image in element.imgs.imgs)
        return [url for url in pictures if not url.startswith("data:")]

    @property
    def troubles(self) -> list[str]:
        """Return what is shown as an error."""
        shown = self.elements.values()
        alerts = [element.alert.body for element in shown if element.alert.format == Alert.ERROR]
        return alerts + [element.exception.message for element in shown if element.HasField("exception")]

    def widget(self, key: str, kind: str = "") -> Any:
        """Return a widget that can be used, of any kind or of one; None if there is none."""
        found, body = self.widgets.get(key, ("", None))
        return None if kind not in ("", found) or getattr(body, "disabled", False) else body

    def keys(self, start: str) -> list[str]:
        """Return the keys that begin so, in the order of the page."""
        return [key for key in self.widgets if key.startswith(start)]

    def resting(self) -> list[WidgetState]:
        """Return what the frontend tells of the widgets that nobody touches."""
        states = (_resting(kind, body) for kind, body in self.widgets.values())
        return [state for state in states if state is not None]


def _resting(kind: str, body: Any) -> WidgetState | None:
    state = WidgetState(id=body.id)
    if kind in ("selectbox", "radio"):
        chosen = body.raw_value if body.set_value else body.options[body.default] if body.HasField("default") else ""
        if not chosen:
            return None
        state.string_value = str(chosen)
    elif kind == "button_group":
        state.string_array_value.data.extend(body.raw_values)
    elif kind == "slider" and body.type == Slider.SELECT_SLIDER:
        options = body.raw_value if body.set_value else [body.options[int(place)] for place in body.default]
        state.string_array_value.data.extend(options)
    elif kind == "slider":
        state.double_array_value.data.extend(body.value if body.set_value else body.default)
    elif kind == "checkbox":
        state.bool_value = body.value if body.set_value else body.default
    else:
        return None
    return state


def pressed(body: Any) -> WidgetState:
    """Return a press of a button."""
    return WidgetState(id=body.id, trigger_value=True)


def chosen(body: Any, option: str) -> WidgetState:
    """Return a choice from a list."""
    return WidgetState(id=body.id, string_value=option)


def grouped(body: Any, option: str) -> WidgetState:
    """Return a choice from options that stand beside each other."""
    state = WidgetState(id=body.id)
    state.string_array_value.data.append(option)
    return state


def slid(body: Any, value: float) -> WidgetState:
    """Return a slider at another place."""
    state = WidgetState(id=body.id)
    state.double_array_value.data.append(value)
    return state


def clicked(body: Any, index: int) -> WidgetState:
    """Return a click on a tile."""
    events = f'[{{"event": "click", "value": {index}}}]'
    return WidgetState(id=_EVENTS.format(body.id), json_trigger_value=events)


class Visit:
    """One visitor of a dashboard, with cookies and a session of their own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.page = self._coming = Page()
        self.pages: dict[str, str] = {}
        self.troubles: list[str] = []
        self.finished = 0
        self.kilobytes = 0.0
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy stands before this machine
        # As a browser does where the server has just closed a connection that was idle.
        self._http.mount("http://", HTTPAdapter(max_retries=1))
        self._socket: ClientConnection | None = None
        self.query = self._session = self._hash = ""
        self._seen: set[str] = set()
        self._kept: dict[str, tuple[int, Element]] = {}
        self._age = 2
        self._offered: list[Any] = []

    async def open(self, path: str = "", query: str = "") -> float:
        """Open an address; return the seconds until its page is there."""
        begin = perf_counter()
        await self._get("/")
        await self.connect()
        self.query = query
        await self.send(path=path)
        await self._until_finished()
        return perf_counter() - begin

    async def connect(self) -> None:
        """Connect, or again after the connection broke, with what the browser still knows of the session."""
        await self.leave()
        for asked in ("/_stcore/health", "/_stcore/host-config"):
            await self._get(asked)
        cookies = self._http.cookies.get_dict()
        known = [self._session] if self._session else []
        try:
            self._socket = await connect(
                f"ws{self.url.removeprefix('http')}/_stcore/stream",
                origin=self.url,
                subprotocols=["streamlit", cookies.get(_XSRF, "PLACEHOLDER_AUTH_TOKEN"), *known],
                additional_headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
                max_size=None,
                compression=None,
                ping_interval=None,  # nor does a browser ask whether the server is there
                proxy=None,
            )
        except (OSError, WebSocketException) as error:
            raise Lost(f"no connection: {error}") from error

    async def leave(self) -> None:
        """Close the connection, as a browser does that closes the page."""
        if self._socket is not None:
            await self._socket.close()

    async def run(self, *touched: WidgetState, page: str | None = None) -> float:
        """Use widgets, or turn to another page; return the seconds until its run is over."""
        begin = perf_counter()
        await self.send(*touched, page=page)
        await self._until_finished()
        return perf_counter() - begin

    async def send(self, *touched: WidgetState, page: str | None = None, path: str = "") -> None:
        """Send what was done, without waiting. All other widgets are told as they stand."""
        message = BackMsg()
        state = message.rerun_script
        if page is not None:
            self._hash, self.query = self.pages[page], ""
        new = {one.id for one in touched}
        state.widget_states.widgets.extend([*touched, *(one for one in self.page.resting() if one.id not in new)])
        state.query_string, state.page_script_hash, state.page_name = self.query, self._hash, path
        state.cached_message_hashes.extend(self._kept)
        state.context_info.locale = "en-US"
        state.context_info.timezone = "UTC"
        state.context_info.url = urljoin(self.url, path)
        state.context_info.color_scheme = "light"
        await self._tell(message)

    async def upload(self, key: str, name: str, data: bytes) -> float:
        """Send a file to an uploader; return the seconds until it is shown."""
        begin = perf_counter()
        message = BackMsg()
        request = message.file_urls_request
        request.request_id, request.session_id = name, self._session
        request.file_names.append(name)
        self._offered = []
        await self._tell(message)
        while not self._offered:
            await self.hear()
        urls = self._offered[0]
        await asyncio.to_thread(self._put, urls.upload_url, name, data)
        state = WidgetState(id=self.page.widgets[key][1].id)
        info = state.file_uploader_state_value.uploaded_file_info.add(name=name, size=len(data), file_id=urls.file_id)
        info.file_urls.CopyFrom(urls)
        await self.run(state)
        return perf_counter() - begin

    async def look(self) -> None:
        """Fetch the pictures of the page that have not been seen yet."""
        for url in self.page.media:
            if url not in self._seen:
                self._seen.add(url)
                await self._get(url)

    async def hear(self, patience: float | None = PATIENCE) -> ForwardMsg:
        """Take one message from the server, which may be silent for so many seconds, or for ever."""
        assert self._socket is not None
        try:
            data = await asyncio.wait_for(self._socket.recv(), patience)
        except (OSError, TimeoutError, WebSocketException) as error:
            raise Lost(f"no answer: {error!r}") from error
        self.kilobytes += len(data) / 1000
        message = ForwardMsg.FromString(data)
        self.take(message)
        return message

    def take(self, message: ForwardMsg) -> None:
        """Learn from a message. One that is not known is a trouble."""
        kind = message.WhichOneof("type")
        if kind == "delta":
            self._take_delta(message)
        elif kind == "ref_hash":
            self._recall(message)
        elif kind == "new_session":
            self._begin(message)
        elif kind == "navigation":
            self.pages = {one.url_pathname: one.page_script_hash for one in message.navigation.app_pages}
            self._hash = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "file_urls_response":
            self._offered = list(message.file_urls_response.file_urls)
        elif kind == "script_finished":
            self._finish(message)
        elif kind not in _SILENT:
            self.troubles.append(f"unexpected message: {kind}")

    async def _until_finished(self) -> None:
        """Wait for the end of a run. One that made way for another is not the end."""
        while True:
            message = await self.hear()
            over = message.WhichOneof("type") == "script_finished"
            if over and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return

    def _begin(self, message: ForwardMsg) -> None:
        session = message.new_session.initialize.session_id
        if self._session and session != self._session:
            raise Lost("the server began another session")
        self._session, self._hash = session, message.new_session.page_script_hash
        self._age = message.new_session.config.max_cached_message_age
        self._coming = Page()

    def _take_delta(self, message: ForwardMsg) -> None:
        place, kind = tuple(message.metadata.delta_path), message.delta.WhichOneof("type")
        if kind == "add_block":
            self._coming.clear(place)
        elif kind == "new_element":
            self._coming.add(place, message.delta.new_element)
            if message.metadata.cacheable:
                self._kept[message.hash] = (self.finished, message.delta.new_element)

    def _recall(self, message: ForwardMsg) -> None:
        name = message.ref_hash
        if name not in self._kept:
            self.troubles.append("the server names a message that it has not sent")
            return
        _, element = self._kept[name]
        self._kept[name] = (self.finished, element)
        self._coming.add(tuple(message.metadata.delta_path), element)

    def _finish(self, message: ForwardMsg) -> None:
        self.finished += 1
        self._kept = {name: kept for name, kept in self._kept.items() if self.finished - kept[0] <= self._age}
        if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self.troubles.append("a page cannot be compiled")
        if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self.page = self._coming
            self.troubles += self.page.troubles

    async def _tell(self, message: BackMsg) -> None:
        assert self._socket is not None
        try:
            await self._socket.send(message.SerializeToString())
        except (OSError, WebSocketException) as error:
            raise Lost(f"nothing can be sent: {error!r}") from error

    async def _get(self, path: str) -> None:
        try:
            answer = await asyncio.to_thread(self._http.get, urljoin(self.url, path), timeout=PATIENCE)
        except requests.RequestException as error:
            raise Lost(f"no answer: {error!r}") from error
        if not answer.ok:
            self.troubles.append(f"{answer.status_code} for {_shape(path)}")

    def _put(self, path: str, name: str, data: bytes) -> None:
        token = self._http.cookies.get(_XSRF, "")
        answer = self._http.put(
            urljoin(self.url, path),
            files={name: (name, data, "image/jpeg")},
            headers={"X-Xsrftoken": token, "Origin": self.url},
            timeout=PATIENCE,
        )
        if not answer.ok:
            raise Lost(f"{answer.status_code} for an upload: {answer.text[:80]}")


def _shape(path: str) -> str:
    """Return an address without what is different in each."""
    return re.sub(r"[0-9a-f]{16,}", "…", urlsplit(path).path)


def listed(troubles: Sequence[str]) -> str:
    """Return troubles as the items of a list, equal ones counted; nothing where there are none."""
    items = [f"- {count} times: {trouble}" for trouble, count in Counter(troubles).items()]
    return "\n".join(["\n", *items]) if items else ""
