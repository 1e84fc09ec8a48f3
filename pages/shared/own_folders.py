"""What is wrong with the folders that the server was given, told when it starts and not only to the first visitor."""

import logging
import os
from pathlib import Path

from pages.shared.pictures import samples
from pages.shared.state import library
from pages.shared.texts import text
from zfnet.gallery import read_gallery


def look(checkpoint_id: str) -> None:
    """Write into the log what cannot be used of ``ZFNET_SAMPLES``, ``ZFNET_LESSONS`` and ``ZFNET_GALLERY``."""
    samples()  # it tells by itself
    for name in ("ZFNET_LESSONS", "ZFNET_GALLERY"):
        folder = os.environ.get(name)
        if folder and not Path(folder).is_dir():
            logging.getLogger(__name__).error("%s: there is no folder %s, so nothing is taken from it", name, folder)
        elif folder and name == "ZFNET_GALLERY" and not read_gallery(checkpoint_id, Path(folder)):
            logging.getLogger(__name__).warning(
                "%s: %s holds no pictures that were made with this checkpoint", name, folder
            )
    for broken in library().errors:
        reason = text(f"lesson.broken_{broken.reason}", "en", **broken.values)
        logging.getLogger(__name__).warning("ZFNET_LESSONS: %s, line %d: %s", broken.file, broken.line, reason)
