"""The numbers of the architecture table: against the literature, torch's own counts, and what a cell really sees."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.oracle import CONFIGS, PADDED
from zfnet.errors import SelectionError
from zfnet.geometry import (
    ALEXNET,
    GEOMETRIES,
    LAYERS,
    LISTING,
    LISTING_CLAIMS,
    NETWORKS,
    PAPER,
    SPATIAL,
    TABLE,
    WIDE,
    Convolution,
    Pooling,
    ReceptiveField,
    ZFNetConfig,
    layer_table,
    receptive_field,
    shapes,
    total,
)
from zfnet.model import Trace, ZFNet

SIZES = {
    "table": (112, 56, 28, 14, 14, 14, 14, 7),
    "paper": (110, 55, 26, 13, 13, 13, 13, 6),
    "padded": (110, 55, 26, 13, 13, 13, 13, 6),
}
TOTALS = {  # parameters, multiply-accumulates
    "table": (75_989_096, 1_337_892_864),
    "paper": (62_357_608, 1_168_032_896),
    "wide": (107_627_624, 2_476_704_896),
}
# The same in every geometry: size of the field and distance between neighbours.
FIELDS = dict(
    zip(SPATIAL, [(7, 2), (11, 4), (27, 8), (43, 16), (75, 16), (107, 16), (139, 16), (171, 32)], strict=True)
)
STARTS = {  # left edge of the first cell's field
    "table": (-3, -5, -13, -21, -37, -53, -69, -85),
    "paper": (-1, -1, -1, -1, -17, -33, -49, -49),
    "padded": (-1, -3, -3, -11, -27, -43, -59, -59),
}


def built(config: ZFNetConfig, **options: object) -> ZFNet:
    with torch.device("meta"):
        return ZFNet(config, **options)


def counted_macs(model: ZFNet) -> int:
    """Let torch count one forward pass."""
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, model.config.input_size, model.config.input_size, device="meta"))
    return counter.get_total_flops() // 2


def seen(config: ZFNetConfig, layer: str, row: int, column: int) -> tuple[int, int, int, int]:
    """Return the box of pixels that reach a cell of a linear network without zeros: (top, left, bottom, right)."""
    x = a = torch.ones(1, 1, config.input_size, config.input_size, dtype=torch.float64, requires_grad=True)
    for name in SPATIAL[: SPATIAL.index(layer) + 1]:
        step = getattr(config, name)
        if isinstance(step, Pooling):
            a = F.avg_pool2d(a, step.kernel, step.stride, step.padding, ceil_mode=step.ceil)
        else:
            a = F.conv2d(a, a.new_full((1, 1, step.kernel, step.kernel), 0.1), None, step.stride, step.padding)
    (reached,) = torch.autograd.grad(a[0, 0, row, column], x)
    rows, columns = reached[0, 0].nonzero(as_tuple=True)
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_sizes_are_those_of_the_literature(config: ZFNetConfig) -> None:
    sizes = shapes(config)
    assert tuple(sizes[name][1] for name in SPATIAL) == SIZES[config.geometry]
    assert all(height == width for _, height, width in sizes.values())
    assert sizes["input"] == (3, 224, 224)
    assert [sizes[name][0] for name in (*LAYERS, "gap")] == [
        *(96, 96, 256, 256, 384, 384, 256, 256),
        *(4096, 4096, 1000, 1000),
    ]


def test_sizes_are_those_of_a_forward_pass(network: ZFNet, trace: Trace) -> None:
    assert set(trace.outputs) == {*LAYERS, "gap"}
    for name, (channels, height, width) in shapes(network.config).items():
        shape = tuple(trace.activation(name).shape)
        assert shape == ((1, channels, height, width) if name in ("input", *SPATIAL) else (1, channels)), name


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_pooling_rounds_as_torch_does(kernel: int, stride: int, padding: int, ceil: bool) -> None:
    pool = Pooling(kernel, stride, padding, ceil)
    for size in range(40, 60):
        config = replace(TABLE, conv1=Convolution(1, kernel=1), pool1=pool, input_size=size)
        pooled = F.max_pool2d(torch.zeros(1, size, size), kernel, stride, padding, ceil_mode=ceil)
        assert shapes(config)["pool1"][1] == pooled.shape[1]


def test_the_often_copied_listing_cannot_run() -> None:
    assert [shapes(LISTING)[name][1] for name in SPATIAL] == [110, 54, 27, 13, 13, 13, 13, 6]
    pool5 = built(LISTING).trace(torch.empty(2, 3, 224, 224, device="meta"), until="pool5").outputs["pool5"]
    assert pool5.shape == (2, 256, 6, 6)
    with pytest.raises(RuntimeError, match="invalid for input of size"):
        pool5.view(2, 256 * 7 * 7)


def test_the_listing_stops_where_and_as_it_is_said_to() -> None:
    sizes, claimed = shapes(LISTING), TABLE
    assert tuple(LISTING_CLAIMS.values()) == SIZES["table"] == tuple(shapes(claimed)[name][1] for name in SPATIAL)
    assert all(sizes[name][1] < size for name, size in LISTING_CLAIMS.items())
    # The listing as it is written.
    with torch.device("meta"):
        features = nn.Sequential(
            *(nn.Conv2d(3, 96, kernel_size=7, stride=2, padding=1), nn.ReLU(inplace=True)),
            nn.MaxPool2d(kernel_size=3, stride=2),
            *(nn.Conv2d(96, 256, kernel_size=5, stride=2, padding=2), nn.ReLU(inplace=True)),
            nn.MaxPool2d(kernel_size=3, stride=2),
            *(nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(inplace=True)),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        x = torch.empty(1, 3, 224, 224)
    made = []
    for module in features:
        x = module(x)
        made += [] if isinstance(module, nn.ReLU) else [x.shape[2]]
    assert made == [sizes[name][1] for name in SPATIAL]
    with pytest.raises(RuntimeError) as stopped:
        torch.zeros(x.shape).view(x.size(0), 256 * 7 * 7)
    assert str(stopped.value) == "shape '[1, 12544]' is invalid for input of size 9216"


@pytest.mark.parametrize("config", GEOMETRIES.values(), ids=GEOMETRIES)
def test_totals_are_those_of_the_literature_and_of_torch(config: ZFNetConfig) -> None:
    model, rows = built(config, gap=False), layer_table(config)
    parameters, macs = TOTALS[config.geometry]
    assert total(rows, "parameters") == total(rows, "stored_parameters") == parameters
    assert total(rows, "parameters") == sum(p.numel() for p in model.parameters())
    assert total(rows, "macs") == total(rows, "executed_macs") == macs == counted_macs(model)


def test_every_layer_has_a_row_with_its_own_count() -> None:
    model, rows = built(WIDE), layer_table(WIDE)
    assert [row.name for row in rows] == [*LAYERS, "gap"]
    for row in rows:
        module = getattr(model, row.name, None)
        assert row.parameters == (sum(p.numel() for p in module.parameters()) if module else 0), row.name
        assert row.output == shapes(WIDE)[row.name]
        assert (row.kind == "pooling") == (module is None)
    by_name = {row.name: row for row in rows}
    assert (by_name["conv1"].kernel, by_name["conv1"].stride, by_name["conv1"].padding) == (7, 2, 1)
    assert (by_name["fc6"].kernel, by_name["fc6"].stride, by_name["fc6"].padding) == (None, None, None)
    assert by_name["conv2"].macs == 415_334_400


def test_the_averaging_head_is_counted_for_itself() -> None:
    *network, gap = layer_table(TABLE)
    assert (gap.name, gap.parameters, gap.macs) == ("gap", 257_000, 256_000)
    assert total((*network, gap), "parameters") == total(tuple(network), "parameters") == TOTALS["table"][0]


def test_a_factored_layer_shows_what_is_stored_and_executed_beside_the_full_count() -> None:
    ranks = {"fc6": 256, "fc7": 128}
    model, rows = built(TABLE, ranks=ranks, gap=False), layer_table(TABLE, ranks)
    assert {row.name: row.rank for row in rows if row.rank} == ranks
    assert (total(rows, "parameters"), total(rows, "macs")) == TOTALS["table"]
    assert total(rows, "stored_parameters") == sum(p.numel() for p in model.parameters())
    assert total(rows, "executed_macs") == counted_macs(model)
    fc6 = next(row for row in rows if row.name == "fc6")
    assert fc6.stored_parameters == 256 * (12_544 + 4096) + 4096
    assert fc6.executed_macs == 256 * (12_544 + 4096)


def test_alexnet_is_that_of_2012() -> None:
    rows, model = layer_table(ALEXNET), built(ALEXNET, gap=False)
    assert [row.output[1] for row in rows[:8]] == [55, 27, 27, 13, 13, 13, 13, 6]
    assert [row.groups for row in rows if row.kind == "convolution"] == [1, 2, 1, 2, 2]
    assert [row.output[0] for row in rows if row.kind == "convolution"] == [96, 256, 384, 384, 256]
    # Counted a second time, from torch's own modules.
    with torch.device("meta"):
        chain = [nn.Conv2d(3, 96, 11, 4, 2), nn.Conv2d(96, 256, 5, 1, 2, groups=2), nn.Conv2d(256, 384, 3, 1, 1)]
        chain += [nn.Conv2d(384, 384, 3, 1, 1, groups=2), nn.Conv2d(384, 256, 3, 1, 1, groups=2)]
        linear = [nn.Linear(9216, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)]
    counted = sum(p.numel() for module in (*chain, *linear) for p in module.parameters())
    assert total(rows, "parameters") == counted == sum(p.numel() for p in model.parameters()) == 60_965_224
    assert total(rows, "macs") == counted_macs(model) == 724_406_816


def test_alexnet_runs_with_the_sizes_of_its_table() -> None:
    trace = built(ALEXNET).trace(torch.empty(2, 3, 224, 224, device="meta"))
    for name, (channels, height, width) in shapes(ALEXNET).items():
        shape = tuple(trace.activation(name).shape)
        assert shape == ((2, channels, height, width) if name in ("input", *SPATIAL) else (2, channels)), name


def test_what_can_be_tabled_is_more_than_what_can_be_loaded() -> None:
    assert set(NETWORKS) - set(GEOMETRIES) == {"alexnet"}
    assert all(config.geometry == name for name, config in NETWORKS.items())


def test_zfnet_halves_the_first_jump_and_takes_it_back_in_the_second_layer() -> None:
    fields = {name: [receptive_field(c, name) for c in (ALEXNET, PAPER, TABLE)] for name in SPATIAL}
    assert [field.jump for field in fields["conv1"]] == [4, 2, 2]
    assert [[field.jump for field in fields[name]] for name in SPATIAL[2:]] == [
        [jump] * 3 for jump in (8, 16, 16, 16, 16, 32)
    ]
    assert [field.size for field in fields["conv5"]] == [163, 139, 139]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_receptive_fields_are_those_of_the_literature(config: ZFNetConfig) -> None:
    for layer, start in zip(SPATIAL, STARTS[config.geometry], strict=True):
        assert receptive_field(config, layer) == ReceptiveField(*FIELDS[layer], start)


@pytest.mark.parametrize("layer", SPATIAL)
@pytest.mark.parametrize("config", [*CONFIGS.values(), ALEXNET], ids=[*CONFIGS, "alexnet"])
def test_a_box_holds_exactly_the_pixels_that_reach_the_cell(config: ZFNetConfig, layer: str) -> None:
    last = shapes(config)[layer][1] - 1
    for row, column in [(0, 0), (last // 2, last // 2), (last, last), (0, last), (last // 2, 1)]:
        assert receptive_field(config, layer).box(row, column) == seen(config, layer, row, column)


def test_a_box_is_clipped_to_the_picture() -> None:
    conv5 = receptive_field(TABLE, "conv5")
    assert conv5.box(0, 0) == (0, 0, 70, 70)
    assert conv5.box(6, 9) == (27, 75, 166, 214)
    assert conv5.box(13, 13) == (139, 139, 224, 224)
    assert conv5.box(13, 13, input_size=200) == (139, 139, 200, 200)


def test_a_span_goes_beyond_the_picture_where_the_box_is_clipped() -> None:
    conv5 = receptive_field(TABLE, "conv5")
    assert conv5.span(0) == (-69, 69)
    assert conv5.span(4) == (-5, 133)
    assert conv5.span(13) == (139, 277)
    top, left, bottom, right = conv5.box(4, 6)
    assert (top, bottom) == (0, 133 + 1)
    assert (left, right - 1) == conv5.span(6)


def test_cells_of_conv5_are_centred_on_every_sixteenth_pixel_in_table() -> None:
    assert [receptive_field(TABLE, "conv5").centre(u) for u in range(14)] == [16 * u for u in range(14)]
    assert receptive_field(PAPER, "conv5").centre(0) == 20
    assert receptive_field(PADDED, "pool5").centre(1) == 26 + 32


@pytest.mark.parametrize("layer", ["fc6", "gap", "conv9"])
def test_a_layer_without_receptive_field_is_refused(layer: str) -> None:
    with pytest.raises(SelectionError, match=f"only conv1 to pool5 have a receptive field, got '{layer}'"):
        receptive_field(TABLE, layer)
    assert all(row.receptive_field is None for row in layer_table(TABLE) if row.name.startswith(("fc", "gap")))
