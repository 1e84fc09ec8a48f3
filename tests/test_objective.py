"""What a picture is to drive: cells, means and logits as the whole network has them, on the smallest canvas."""

import pytest
import torch
from torch import Tensor

from tests.oracle import CONFIGS, narrow, random_network
from zfnet import Unit
from zfnet.geometry import BELOW, GEOMETRIES, SPATIAL, receptive_field, shapes
from zfnet.model import ZFNet
from zfnet.objective import Objective, canvas


def pictures(count: int = 1, size: int = 224) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def units(*names: str) -> list[Unit]:
    return [Unit.parse(name) for name in names]


@pytest.fixture(scope="module", params=CONFIGS)
def network(request: pytest.FixtureRequest) -> ZFNet:
    return random_network(narrow(CONFIGS[request.param]))


@pytest.mark.parametrize("layer", SPATIAL)
def test_a_cell_on_its_receptive_field_has_the_value_that_it_has_in_the_whole_picture(
    network: ZFNet, layer: str
) -> None:
    x = pictures()
    outputs = network.trace(x).outputs[layer][0]
    last = outputs.shape[1] - 1
    for position in ((0, 0), (0, last), (last, last // 2), (last // 2, last // 2), (last // 3, 1)):
        unit = Unit(layer, 2, position)
        top, left, bottom, right = receptive_field(network.config, layer).box(*position)
        assert canvas(network.config, unit, 99) == (bottom - top, right - left)
        cells, _ = Objective(network, [unit]).cells(x[:, :, top:bottom, left:right])
        assert cells.shape == (1, 1)
        torch.testing.assert_close(cells[0, 0], outputs[2][position])


@pytest.mark.parametrize("layer", SPATIAL)
def test_whole_maps_are_those_of_the_network_on_any_canvas(network: ZFNet, layer: str) -> None:
    for size in (224, 97):
        x = pictures(2, size)
        expected = network.trace(x, until=layer).outputs[layer]
        cells, _ = Objective(network, units(f"{layer}:3", f"{layer}:1")).cells(x)
        torch.testing.assert_close(cells, torch.stack([expected[0, 3].flatten(), expected[1, 1].flatten()]))
    assert canvas(network.config, Unit(layer, 1), 97) == (97, 97)


@pytest.mark.parametrize("layer", ["fc6", "fc7", "fc8", "gap"])
@pytest.mark.parametrize("ranks", [{}, {"fc6": 5, "fc7": 4}])
def test_units_without_a_map_are_those_of_the_network(layer: str, ranks: dict[str, int]) -> None:
    network = random_network(narrow(GEOMETRIES["table"]), ranks=ranks)
    x = pictures(2)
    expected = network.trace(x).outputs[layer]
    cells, reads = Objective(network, units(f"{layer}:3", f"{layer}:7"), centred=False).cells(x)
    torch.testing.assert_close(cells[:, 0], torch.stack([expected[0, 3], expected[1, 7]]))
    centred = Objective(network, units(f"{layer}:3", f"{layer}:7")).cells(x)[0][:, 0]
    mean = expected.mean(1) if layer in ("fc8", "gap") else 0
    torch.testing.assert_close(centred, cells[:, 0] - mean)
    assert canvas(network.config, Unit(layer, 3), 97) == ((97, 97) if layer == "gap" else (224, 224))
    trace = network.trace(x)
    below = trace.activation("conv5").mean((2, 3)) if layer == "gap" else trace.activation(BELOW[layer]).flatten(1)
    torch.testing.assert_close(reads, below)


def test_a_small_canvas_reaches_the_classes_by_stretching_the_last_pooling() -> None:
    network = random_network(narrow(GEOMETRIES["table"]))
    x = pictures(1, 112)
    maps = network.trace(x, until="pool5").outputs["pool5"]
    assert maps.shape[2:] == (4, 4)
    stretched = torch.nn.functional.interpolate(maps, (7, 7), mode="bilinear", align_corners=False)
    expected = network.head("fc", stretched.flatten(1))[0, 5]
    torch.testing.assert_close(Objective(network, units("fc8:5"), centred=False).cells(x)[0][0, 0], expected)


def test_the_mean_counts_after_the_relu_once_a_cell_speaks_and_before_it_until_then() -> None:
    network = random_network(narrow(GEOMETRIES["table"]))
    objective = Objective(network, units("conv3:1", "conv3:2"))
    cells = torch.tensor([[-1.0, 3.0, -2.0], [-1.0, -3.0, -2.0]])
    assert objective.drive(cells).tolist() == [1.0, -2.0]
    assert objective.silent(cells).tolist() == [False, True]
    logits = Objective(network, units("fc8:1", "fc8:2"))
    assert logits.drive(cells[:, :1]).tolist() == [-1.0, -1.0]
    assert logits.silent(cells[:, :1]).tolist() == [False, False]  # A logit is never silent.


def test_a_silent_unit_has_a_gradient_to_follow() -> None:
    network = random_network(narrow(GEOMETRIES["table"]))
    x = pictures(1, 64)
    objective = Objective(network, units("conv4:1"))
    cells, _ = objective.cells(x.requires_grad_())
    (gradient,) = torch.autograd.grad(objective.drive(cells - cells.max().detach() - 1).sum(), x)
    assert gradient.abs().max() > 0


def test_every_layer_has_a_canvas(network: ZFNet) -> None:
    for layer in (*SPATIAL, "fc6", "fc7", "fc8", "gap"):
        middle = shapes(network.config)[layer][1] // 2
        unit = Unit(layer, 0, (middle, middle) if layer in SPATIAL else None)
        height, width = canvas(network.config, unit, 128)
        assert 1 <= height <= 224
        assert 1 <= width <= 224


def test_what_silences_a_unit_is_counted_before_its_relu() -> None:
    network = random_network(narrow(GEOMETRIES["table"]))
    objective = Objective(network, units("conv3:1", "conv3:2"), negative=True)
    assert objective.drive(torch.tensor([[-1.0, 3.0, -2.0], [-1.0, -3.0, -2.0]])).tolist() == [0.0, 2.0]


def test_the_maps_that_a_convolution_reads_come_along(network: ZFNet) -> None:
    x = pictures(1, 97)
    for layer, below in (("conv3", "pool2"), ("pool5", "conv4"), ("conv1", "input")):
        _, reads = Objective(network, [Unit(layer, 1)]).cells(x)
        torch.testing.assert_close(reads, network.trace(x, until=layer).activation(below))
