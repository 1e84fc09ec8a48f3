"""How long the dashboard takes to start, what memory it holds, and how its methods compare with captum's.

``make bench`` runs it and writes the tables between the marks in README.md. All methods of a comparison run in turn,
round after round, in one process with the same weights and threads; what is told are medians and quartiles. Beside each
ratio stands how far the results are apart; a target that was missed is named in its cell. The machine should have
nothing else to do.
"""

import argparse
import platform
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
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
from zfnet.geometry import CONVOLUTIONS

_README = ROOT / "README.md"
_MARKS = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
_START_SECONDS, _MEMORY_GIGABYTES = 8.0, 1.2
# DeconvNet, nine units of a layer: how many times faster than captum, for conv2 to conv5, and where a traced picture
# should need less than its forward pass.
_FASTER_THAN_CALLS, _FASTER_THAN_BATCH, _BELOW_FORWARD = 4.0, 2.0, ("conv1", "conv2", "conv3")
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
    parser.add_argument("--only", choices=("server", "methods"), help="print one part, leave README.md as it is")
    options = parser.parse_args()
    parts = [_machine()]
    if options.only != "methods":
        parts.append(_server_table(options.starts))
    if options.only != "server":
        parts += _method_tables(options.rounds)
    text = "\n\n".join(parts) + "\n"
    print(text)
    if not (options.dry or options.only):
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


class _Comparison:
    """One picture before our session and before the same network as a chain of torch's modules, for captum."""

    def __init__(self) -> None:
        self.session = InferenceSession.load(device="cpu")
        self.view = crop(sample_picture(next(iter(samples()))))
        self.x = self.session.prepare(self.view)
        self.chain = _factored(sequential(self.session._model), self.session)

    def cold(self, method: Callable[[], Any]) -> Callable[[], Any]:
        """Return the method on a picture that was not traced before: its forward pass counts."""

        def run() -> Any:
            self.session._traces._held.clear()
            return method()

        return run

    def forward(self) -> dict[str, Callable[[], Any]]:
        return {"ours": self.cold(lambda: self.session.trace(self.view)), "torch": lambda: self.chain(self.x)}

    def gradcam(self) -> dict[str, Callable[[], np.ndarray]]:
        index = self.session.classify(self.view, top=1).classes[0].index
        explained = LayerGradCam(self.chain, self.chain.get_submodule("conv5"))

        def ours() -> np.ndarray:
            return self.session.class_activation(self.view, [index])[0].values

        def captum() -> np.ndarray:
            return explained.attribute(self.x, target=index, relu_attributions=True)[0, 0].detach().numpy()

        return {"ours": self.cold(ours), "traced": ours, "captum": captum}

    def deconvnet(self, layer: str) -> dict[str, Callable[[], np.ndarray]]:
        """Nine units at their strongest cell; captum's results times the activations that it leaves out."""
        ranked = self.session.feature_maps(self.view, layer).ranked()[:9].tolist()
        projections = self.session.deconvnet(self.view, [f"{layer}:{channel}" for channel in ranked])
        found = [p for p in projections if p.position]
        cells = [(p.unit.channel, *p.position) for p in found]
        seeds = torch.tensor([p.activation for p in found])[:, None, None, None]
        row, (channels, rows, columns) = torch.arange(len(cells)), torch.tensor(cells).T
        explained = NeuronDeconvolution(self.chain, self.chain.get_submodule(layer))

        def ours() -> np.ndarray:
            return np.stack([p.pixels for p in self.session.deconvnet(self.view, [p.unit for p in found])])

        def calls() -> np.ndarray:
            return pictures(torch.cat([explained.attribute(self.x, cell) for cell in cells]))

        def batch() -> np.ndarray:
            repeated = self.x.repeat(len(cells), 1, 1, 1)
            return pictures(explained.attribute(repeated, lambda values: values[row, channels, rows, columns]))

        def pictures(x: torch.Tensor) -> np.ndarray:
            return (seeds * x.detach()).permute(0, 2, 3, 1).numpy()

        return {"ours": self.cold(ours), "traced": ours, "calls": calls, "batch": batch}


def _method_tables(rounds: int) -> list[str]:
    """Compare on one picture: ours from nothing and on a traced picture, the others always from nothing."""
    comparison = _Comparison()
    gradcam = comparison.gradcam()
    deconvnet = {layer: comparison.deconvnet(layer) for layer in CONVOLUTIONS}
    subjects = {"forward": comparison.forward(), "gradcam": gradcam, **deconvnet}
    times = _interleaved(subjects, rounds, lambda: comparison.session.trace(comparison.view))
    forward, cam = times["forward"], times["gradcam"]
    apart = _apart(gradcam["ours"](), gradcam["captum"]())
    rows = [
        (
            "forward pass with every switch kept (peer: plain torch)",
            *(_spread(forward[way], "ms") for way in ("ours", "torch")),
            _faster(forward["ours"], forward["torch"]),
            "",
        ),
        *(
            (name, _spread(cam[way], "ms"), _spread(cam["captum"], "ms"), _faster(cam[way], cam["captum"]), apart)
            for name, way in (
                ("Grad-CAM, one class", "ours"),
                ("Grad-CAM, one class, picture already traced", "traced"),
            )
        ),
    ]
    projections = [_deconvnet_row(layer, deconvnet[layer], times[layer], forward["ours"]) for layer in CONVOLUTIONS]
    return [
        _table(("Method", "ZFNet Explorer", "captum", "faster by", "apart, of the peak"), rows),
        _table(
            (
                "DeconvNet, nine units",
                "ZFNet Explorer",
                "picture already traced",
                "captum, nine calls",
                "faster by",
                "captum, one batch",
                "faster by",
                "apart, of the peak",
            ),
            projections,
        ),
    ]


def _deconvnet_row(
    layer: str, methods: Mapping[str, Callable[[], np.ndarray]], times: Mapping[str, list[float]], forward: list[float]
) -> tuple[str, ...]:
    slow = layer in _BELOW_FORWARD and statistics.median(times["traced"]) >= statistics.median(forward)
    promised = layer != "conv1"
    ours, calls, batch = (methods[way]() for way in ("traced", "calls", "batch"))
    return (
        layer,
        _spread(times["ours"], "ms"),
        _spread(times["traced"], "ms") + (" (missed: a forward pass)" if slow else ""),
        _spread(times["calls"], "ms"),
        _faster(times["ours"], times["calls"], _FASTER_THAN_CALLS if promised else 0),
        _spread(times["batch"], "ms"),
        _faster(times["ours"], times["batch"], _FASTER_THAN_BATCH if promised else 0),
        _apart(np.stack([ours, ours]), np.stack([calls, batch])),
    )


def _interleaved(
    subjects: Mapping[str, Mapping[str, Callable[[], Any]]], rounds: int, prepare: Callable[[], Any]
) -> dict[str, dict[str, list[float]]]:
    """Run everything in turn, round after round, and return the milliseconds of each."""
    times: dict[str, dict[str, list[float]]] = {name: {way: [] for way in ways} for name, ways in subjects.items()}
    for number in range(rounds + 1):
        for name, ways in subjects.items():
            for way, method in ways.items():
                prepare()
                begin = time.perf_counter()
                method()
                if number:  # the first round warms up
                    times[name][way].append((time.perf_counter() - begin) * 1000)
    return times


def _faster(ours: list[float], theirs: list[float], target: float = 0) -> str:
    ratio = statistics.median(theirs) / statistics.median(ours)
    return f"{ratio:.1f}×" + (f" (missed: {target:g}×)" if ratio < target else "")


def _factored(chain: nn.Sequential, session: InferenceSession) -> nn.Sequential:
    """Return the oracle network with the same factored layers as ours, so that neither has less to compute."""
    state = session._model.state_dict()
    for name in session.info.ranks:
        left, right = state[f"{name}.left"], state[f"{name}.right"]
        pair = nn.Sequential(nn.Linear(*right.shape[::-1], bias=False), nn.Linear(*left.shape[::-1]))
        pair.load_state_dict({"0.weight": right, "1.weight": left, "1.bias": state[f"{name}.bias"]})
        setattr(chain, f"{name}_before", pair.requires_grad_(False))
    return chain


def _apart(ours: np.ndarray, theirs: np.ndarray) -> str:
    return f"{np.abs(ours - theirs).max() / np.abs(theirs).max():.0e}"


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
