"""What is wrong with the folders that the server was given, told when it starts and not only to the first visitor."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from pages.shared.pictures import samples
from pages.shared.state import library
from pages.shared.texts import text
from zfnet.gallery import read_gallery


def look(checkpoint_id: str) -> None:
    """Write into the log what cannot be used of ``ZFNET_SAMPLES``, ``ZFNET_LESSONS`` and ``ZFNET_GALLERY``."""
    checks: dict[str, Callable[[Path], object]] = {
        "ZFNET_SAMPLES": lambda _: samples(),  # it tells by itself
        "ZFNET_LESSONS": lambda _: _look_at_lessons(),
        "ZFNET_GALLERY": lambda folder: _look_at_gallery(folder, checkpoint_id),
    }
    for name, check in checks.items():
        folder = os.environ.get(name)
        if not folder:
            continue
        if not Path(folder).is_dir():
            logging.getLogger(__name__).error("%s: there is no folder %s, so nothing is taken from it", name, folder)
            continue
        try:
            check(Path(folder))
        except Exception as error:  # whatever a teacher's file holds, the server serves
            logging.getLogger(__name__).error("%s: %s cannot be read: %r", name, folder, error)


def _look_at_lessons() -> None:
    for broken in library().errors:
        reason = text(f"lesson.broken_{broken.reason}", "en", **broken.values)
        logging.getLogger(__name__).warning("ZFNET_LESSONS: %s, line %d: %s", broken.file, broken.line, reason)


def _look_at_gallery(folder: Path, checkpoint_id: str) -> None:
    if not read_gallery(checkpoint_id, folder):
        logging.getLogger(__name__).warning(
            "ZFNET_GALLERY: %s holds no pictures that were made with this checkpoint", folder
        )
