"""What is sent to a visitor who has lost the connection and come back."""

from types import SimpleNamespace
from typing import Any

from streamlit.runtime.session_manager import ActiveSessionInfo
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from pages.shared.reconnecting import follow_connections


def connection(visitor: str) -> ActiveSessionInfo:
    session: Any = SimpleNamespace(id=visitor)
    client: Any = object()
    return ActiveSessionInfo(client, session)


def test_messages_do_not_go_to_a_connection_that_was_lost_before_their_turn() -> None:
    nothing: Any = None
    manager = WebsocketSessionManager(nothing, nothing, nothing, nothing)
    connected = manager._active_session_info_by_id
    connected |= {visitor: connection(visitor) for visitor in "abc"}
    first, lost, last = connected.values()
    server: Any = SimpleNamespace(_session_mgr=manager)
    follow_connections(server)

    served = []
    for found in manager.list_active_sessions():
        served.append(found)
        connected["b"] = connection("b") if connected["b"] is lost else connected["b"]
    assert served == [first, last]
    assert list(manager.list_active_sessions()) == [first, connected["b"], last]
    assert manager.num_active_sessions() == 3

    del connected["a"]
    assert list(manager.list_active_sessions()) == [connected["b"], last]
