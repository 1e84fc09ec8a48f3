"""Whoever loses the connection and comes back is answered.

Streamlit 1.67 sends the messages of all visitors one by one, to the connections that there were when it began. With a
full class that takes seconds. Who lost the connection before their turn and has come back since would have the answer
sent where nobody listens any more, and wait for it forever.
"""

from collections.abc import Iterator

from streamlit.runtime import Runtime
from streamlit.runtime.session_manager import ActiveSessionInfo, SessionManager


class _Connections(list[ActiveSessionInfo]):
    """The connections there are now, of which each is only gone to if it is still the visitor's own by then."""

    def __init__(self, manager: SessionManager, found: list[ActiveSessionInfo]) -> None:
        super().__init__(found)
        self._manager = manager

    def __iter__(self) -> Iterator[ActiveSessionInfo]:
        return (
            found for found in super().__iter__() if self._manager.get_active_session_info(found.session.id) is found
        )


def follow_connections(runtime: Runtime) -> None:
    """Let a server send what it has for a visitor to the connection that the visitor has at that moment."""
    manager = runtime._session_mgr
    listed = manager.list_active_sessions
    manager.list_active_sessions = lambda: _Connections(manager, listed())  # type: ignore[method-assign]
