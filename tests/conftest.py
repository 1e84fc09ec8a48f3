"""What tests share: narrow random networks in three geometries, the embedded checkpoint, and one picture."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from tests.oracle import CONFIGS, HEADS, narrow, random_network, sequential
from zfnet import InferenceSession
from zfnet.checkpoint import EMBEDDED, read_checkpoint
from zfnet.model import Trace, ZFNet

# One thread gives the same sums on every machine, and leaves the other cores to whoever tests concurrency.
torch.set_num_threads(1)

# The table network stores fc6 and fc7 as factors, as the embedded checkpoint does.
RANKS = {"table": {"fc6": 4, "fc7": 3}}


@pytest.fixture(scope="session", params=CONFIGS)
def network(request: pytest.FixtureRequest) -> ZFNet:
    """A few maps wide, float64, frozen; in each geometry."""
    return random_network(narrow(CONFIGS[request.param]), ranks=RANKS.get(request.param))


@pytest.fixture(scope="session")
def x() -> Tensor:
    """A picture of noisy blobs for ``network``, (1, 3, 224, 224): some pooling windows see nothing above zero."""
    generator = torch.Generator().manual_seed(1)
    blobs, noise = (torch.randn(1, 3, n, n, dtype=torch.float64, generator=generator) for n in (28, 224))
    return F.interpolate(blobs, size=224, mode="bilinear") + 0.1 * noise


@pytest.fixture(scope="session")
def trace(network: ZFNet, x: Tensor) -> Trace:
    return network.trace(x)


@pytest.fixture(scope="session")
def session() -> InferenceSession:
    """The embedded checkpoint on the CPU."""
    return InferenceSession.load(device="cpu")


@pytest.fixture(scope="session")
def embedded() -> ZFNet:
    """The network of the embedded checkpoint, for what a session does not show."""
    return read_checkpoint(EMBEDDED).build()


@pytest.fixture(scope="session")
def chains(embedded: ZFNet) -> dict[str, nn.Sequential]:
    """The same network as a chain of torch's modules, for each head."""
    return {head: sequential(embedded, head) for head in HEADS}


@pytest.fixture(scope="session")
def sample() -> Image.Image:
    """A colourful view of 224 by 224 pixels: a gradient sky, rings, stripes and a checkerboard."""
    y, x = np.mgrid[:224, :224] / 223
    pixels = np.stack([x, y, 1 - x], axis=-1)
    rings = np.hypot(x - 0.35, y - 0.4)
    pixels[rings < 0.28] = (0.5 + 0.5 * np.sin(60 * rings[rings < 0.28]))[:, None] * (1.0, 0.7, 0.1)
    pixels[(y > 0.75) & ((x + y) * 12 % 1 < 0.5)] = (0.1, 0.5, 0.2)
    pixels[140:200, 150:210] = ((np.indices((60, 60)) // 10).sum(0) % 2)[..., None] * (0.9, 0.2, 0.8)
    return Image.fromarray((pixels * 255).round().astype(np.uint8))
