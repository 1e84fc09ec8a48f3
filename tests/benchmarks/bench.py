"""How long the dashboard takes to start, what memory it holds, and how its methods compare with captum's.

``make bench`` runs it and writes the tables between the marks in README.md. All methods of a comparison run in turn,
round after round, in one process with the same weights and threads; what is told are medians and quartiles. Beside each
ratio stands how far the two results are apart. The machine should have nothing else to do.
"""

import argparse
import platform
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import captum
import numpy as np
import streamlit
import torch
from captum.attr import LayerGradCam, NeuronDeconvolution
from playwright.sync_api import Browser, sync_playwright
from torch import nn

from pages.shared.pictures import sample_picture, samples
from tests.browser.server import ROOT, chromium_options, chromium_path, serve
from tests.oracle import sequential
from zfnet import InferenceSession, crop

_README = ROOT / "README.md"
_MARKS = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
_START_SECONDS, _MEMORY_GIGABYTES = 8.0, 1.2
_PICTURES = 6  # what the network saw, and one of each method
_SHOWN = """count => {
  const images = [...document.querySelectorAll("[data-testid=stMain] img")];
  return images.length >= count && images.every(i => i.complete && i.naturalWidth > 0);
}"""


def main() -> None:
    """Measure everything and write the tables."""
    warnings.filterwarnings("ignore", module="captum")  # it explains its hooks at every call
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5, help="cold starts of the server")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of the comparison")
    parser.add_argument("--dry", action="store_true", help="print the tables, leave README.md as it is")
    options = parser.parse_args()
    text = f"{_machine()}\n\n{_server_table(options.starts)}\n\n{_method_table(options.rounds)}\n"
    print(text)
    if not options.dry:
        readme = _README.read_text("utf-8")
        _README.write_text(_MARKS.sub(lambda marks: f"{marks[1]}{text}{marks[2]}", readme), "utf-8")


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    memory = Path("/proc/meminfo")
    kilobytes = re.search(r"MemTotal:\s*(\d+)", memory.read_text()) if memory.exists() else None
    gigabytes = f", {int(kilobytes[1]) / 2**20:.0f} GiB" if kilobytes else ""
    versions = f"PyTorch {torch.__version__}, Streamlit {streamlit.__version__}, captum {captum.__version__}"
    return (
        f"On {named[1] if named else platform.processor()}, {torch.get_num_threads()} cores{gigabytes}, "
        f"{platform.system()}, Python {platform.python_version()}, {versions}. Medians, quartiles in brackets."
    )


def _server_table(starts: int) -> str:
    """Start the server several times and open it in a browser that is running already."""
    if chromium_path() is None:
        return "(no Chromium: start and memory were not measured)"
    colds, warms, residents, peaks = [], [], [], []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(**chromium_options())
        for number in range(starts):
            begin = time.perf_counter()
            with serve(Path(folder) / f"server-{number}.log") as server:
                _open(browser, server.url)
                colds.append(time.perf_counter() - begin)
                status = Path(f"/proc/{server.process.pid}/status")
                if status.exists():
                    residents.append(_memory(status, "VmRSS"))
                    peaks.append(_memory(status, "VmHWM"))
                begin = time.perf_counter()
                _open(browser, server.url)
                warms.append(time.perf_counter() - begin)
        browser.close()
    rows = [
        ("server's start to the first complete view", _spread(colds, "s"), f"{_START_SECONDS:g} s"),
        ("the first view for the next visitor", _spread(warms, "s"), ""),
    ]
    if residents:
        rows += [
            ("memory with the model loaded, after the first view", _spread(residents, "GB"), f"{_MEMORY_GIGABYTES} GB"),
            ("its peak until then", _spread(peaks, "GB"), ""),
        ]
    return _table(("What", "Measured", "At most"), rows)


def _open(browser: Browser, url: str) -> None:
    """Open the overview in a fresh context and wait until every picture on it is there."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(url)
    page.wait_for_function(_SHOWN, arg=_PICTURES, timeout=60_000)
    context.close()


def _memory(status: Path, field: str) -> float:
    found = re.search(rf"{field}:\s*(\d+) kB", status.read_text())
    return int(found[1]) * 1024 / 1e9 if found else float("nan")


def _method_table(rounds: int) -> str:
    """Compare with captum on one picture: ours from nothing and on a traced picture, captum always from nothing."""
    session = InferenceSession.load(device="cpu")
    model = session._model
    view = crop(sample_picture(next(iter(samples()))))
    x = session.prepare(view)
    chain = _factored(sequential(model), session)
    layer = chain.get_submodule("conv5")
    index = session.classify(view, top=1).classes[0].index
    ranked = session.feature_maps(view, "conv5").ranked()[:9].tolist()
    projections = session.deconvnet(view, [f"conv5:{channel}" for channel in ranked])
    cells = [(p.unit.channel, *p.position) for p in projections if p.position]
    names = [str(p.unit) for p in projections]
    gradcam, deconvolution = LayerGradCam(chain, layer), NeuronDeconvolution(chain, layer)

    def cold(method: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            session._traces._held.clear()
            return method()

        return run

    def ours_cam() -> np.ndarray:
        return session.class_activation(view, [index])[0].values

    def theirs_cam() -> np.ndarray:
        return gradcam.attribute(x, target=index, relu_attributions=True)[0, 0].detach().numpy()

    def ours_deconvnet(units: list[str]) -> np.ndarray:
        return np.stack([p.pixels for p in session.deconvnet(view, units)])

    def theirs_deconvnet(chosen: list[tuple[int, ...]]) -> np.ndarray:
        seeds = [p.activation for p in projections]
        maps = [deconvolution.attribute(x, cell)[0].permute(1, 2, 0).detach().numpy() for cell in chosen]
        return np.stack([seed * pixels for seed, pixels in zip(seeds, maps, strict=False)])

    subjects: dict[str, tuple[Callable[[], Any], Callable[[], Any] | None]] = {
        "forward pass with every switch kept (peer: plain torch)": (
            cold(lambda: session.trace(view)),
            lambda: chain(x),
        ),
        "Grad-CAM, one class": (cold(ours_cam), theirs_cam),
        "Grad-CAM, one class, picture already traced": (ours_cam, theirs_cam),
        "DeconvNet, one unit of conv5": (cold(lambda: ours_deconvnet(names[:1])), lambda: theirs_deconvnet(cells[:1])),
        "DeconvNet, nine units of conv5": (cold(lambda: ours_deconvnet(names)), lambda: theirs_deconvnet(cells)),
        "DeconvNet, nine units, picture already traced": (
            lambda: ours_deconvnet(names),
            lambda: theirs_deconvnet(cells),
        ),
    }
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in subjects}
    for number in range(rounds + 1):
        for name, pair in subjects.items():
            for method, taken in zip(pair, times[name], strict=True):
                session.trace(view)
                begin = time.perf_counter()
                method()
                if number:  # the first round warms up
                    taken.append((time.perf_counter() - begin) * 1000)
    rows = []
    for name, (ours, theirs) in subjects.items():
        own, other = times[name]
        apart = "" if "forward" in name else f"{_apart(ours(), theirs()):.0e}"
        ratio = f"{statistics.median(other) / statistics.median(own):.1f}×"
        rows.append((name, _spread(own, "ms"), _spread(other, "ms"), ratio, apart))
    return _table(("Method", "ZFNet Explorer", "captum", "faster by", "apart, of the peak"), rows)


def _factored(chain: nn.Sequential, session: InferenceSession) -> nn.Sequential:
    """Return the oracle network with the same factored layers as ours, so that neither has less to compute."""
    state = session._model.state_dict()
    for name in session.info.ranks:
        left, right = state[f"{name}.left"], state[f"{name}.right"]
        pair = nn.Sequential(nn.Linear(*right.shape[::-1], bias=False), nn.Linear(*left.shape[::-1]))
        pair.load_state_dict({"0.weight": right, "1.weight": left, "1.bias": state[f"{name}.bias"]})
        setattr(chain, f"{name}_before", pair.requires_grad_(False))
    return chain


def _apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def _spread(values: list[float], unit: str) -> str:
    digits = 0 if unit == "ms" else 2
    if len(values) < 2:
        return f"{values[0]:.{digits}f} {unit}"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f}–{high:.{digits}f})"


def _table(heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heading, tuple("---" for _ in heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
