"""What the server writes to its log: one JSON object a line, about computations and about what went wrong.

Nothing of a visitor is in it: no picture, no name of a file, no address of a page.
"""

import json
import logging
import os
from datetime import UTC, datetime

from pages.shared.metrics import Counting

_COMPUTATIONS = "zfnet.computations"
_LEVELS = ("debug", "info", "warning", "error")


class JsonLines(logging.Formatter):
    """A record as one line: time (UTC), level, logger, message, then the fields that ``extra={"fields": …}`` gives."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def configure() -> None:
    """Write what is told from the level on that ``ZFNET_LOG`` names, and count at any level what visitors ask for."""
    asked = os.environ.get("ZFNET_LOG") or "info"
    level = asked.lower() if asked.lower() in _LEVELS else "info"
    handler = logging.StreamHandler()
    handler.setLevel(level.upper())
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)
    for name in ("zfnet", "pages"):
        logging.getLogger(name).setLevel("DEBUG" if level == "debug" else "INFO")
    logging.getLogger(_COMPUTATIONS).addHandler(Counting(logging.INFO))
    # Of a page that fails, Streamlit writes a traceback at every visit; ``report`` of app.py tells it.
    logging.getLogger("streamlit.error_util").addFilter(lambda record: record.getMessage() != "Uncaught app execution")
    if level != asked.lower():
        logging.getLogger("zfnet").warning("ZFNET_LOG is one of %s, got %r; info is taken", ", ".join(_LEVELS), asked)
