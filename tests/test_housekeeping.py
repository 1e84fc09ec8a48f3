"""What the server does while it runs, besides answering."""

import asyncio
import gc
from weakref import ref

import pytest

from pages.shared import housekeeping


def test_what_hangs_together_in_a_circle_is_found_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    class Visit:
        def __init__(self) -> None:
            self.own = self

    async def wait() -> None:
        keeping = asyncio.create_task(housekeeping.keep_house())
        await asyncio.sleep(0.05)
        keeping.cancel()

    monkeypatch.setattr(housekeeping, "SECONDS", 0.01)
    gc.disable()
    try:
        gone = ref(Visit())
        assert gone() is not None
        asyncio.run(wait())
        assert gone() is None
    finally:
        gc.enable()
