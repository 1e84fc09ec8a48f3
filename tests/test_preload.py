"""What the server does while it runs, besides answering."""

import asyncio
import gc
from weakref import ref

import pytest

from pages.shared import preload


def test_what_hangs_together_in_a_circle_is_found_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    class Visit:
        def __init__(self) -> None:
            self.own = self

    async def wait() -> None:
        tidying = asyncio.create_task(preload._tidy())
        await asyncio.sleep(0.05)
        tidying.cancel()

    monkeypatch.setattr(preload, "TIDY_SECONDS", 0.01)
    gc.disable()
    try:
        gone = ref(Visit())
        assert gone() is not None
        asyncio.run(wait())
        assert gone() is None
    finally:
        gc.enable()
