"""Asks the server in this container whether its network is loaded: exit 0 if so, else 1 and what it said."""

import json
import os
import sys
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

port = os.environ.get("STREAMLIT_SERVER_PORT", "8501")
base = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
url = "/".join(filter(None, (f"http://127.0.0.1:{port}", base, "api/ready")))

try:
    # A proxy that the environment names is for the world outside.
    with build_opener(ProxyHandler({})).open(url, timeout=4) as answer:
        said = answer.read(1000)
    # Where there is no such route, Streamlit answers with its page and 200.
    ready = json.loads(said)["ready"] is True
except HTTPError as error:
    said, ready = error.read(1000), False
except (OSError, ValueError, KeyError, TypeError) as error:
    said, ready = repr(error).encode(), False

print(said.decode(errors="replace"))
sys.exit(not ready)
