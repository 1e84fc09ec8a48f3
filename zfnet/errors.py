"""The errors that a caller can cause, as a tree.

    ZFNetError
    ├── InvalidImageError        bytes that are not an acceptable picture
    ├── InvalidCheckpointError   a file that is not a ZFNet checkpoint
    ├── SelectionError           a layer, unit, class or option that does not exist
    ├── QueueFullError           no place left for long work
    └── Cancelled                the caller asked for a stop

Every message says what came, what is allowed and what to do. Whoever shows errors to people catches ``ZFNetError``;
anything else is a defect.
"""


class ZFNetError(Exception):
    """Base of everything that this package raises on purpose."""


class InvalidImageError(ZFNetError):
    """The bytes are not a picture that can be shown to the network.

    ``reason`` names the failed check (one of ``zfnet.decoding.REASONS``) and ``values`` holds its numbers, so that a
    user interface can say the same in another language.
    """

    def __init__(self, message: str, *, reason: str, **values: object) -> None:
        super().__init__(message)
        self.reason = reason
        self.values = values


class InvalidCheckpointError(ZFNetError):
    """The file does not hold a complete, finite set of ZFNet weights."""


class SelectionError(ZFNetError):
    """A layer, unit, class or option was asked for that the loaded network does not have."""


class QueueFullError(ZFNetError):
    """Too many long computations wait already."""


class Cancelled(ZFNetError):
    """The computation stopped because its caller asked for it."""
