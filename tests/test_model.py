"""The network and its one way down: against a chain of torch's modules, autograd, and what an adjoint is."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.oracle import BACKWARD, HEADS, difference, differentiable, narrow, random_network, run, sequential, unchanged
from zfnet.errors import SelectionError
from zfnet.geometry import BELOW, CONVOLUTIONS, LAYERS, PAPER, POOLINGS, RECTIFIED, SPATIAL, TABLE, shapes
from zfnet.model import RULES, FactoredLinear, Trace, ZFNet, unpool

STARTS = (*LAYERS, "gap")


def below(layer: str) -> list[str]:
    """Return every value under a layer, from the nearest down to the input."""
    names = []
    while layer in BELOW:
        layer = BELOW[layer]
        names.append(layer)
    return names


def random_like(values: Tensor, count: int | None = None, seed: int = 2) -> Tensor:
    shape = values.shape if count is None else (count, *values.shape[1:])
    return torch.randn(shape, dtype=values.dtype, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module", params=RULES)
def rule(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def reference(network: ZFNet, x: Tensor, rule: str) -> dict[str, Tensor]:
    """Every layer's values in one autograd graph with the rule at its ReLUs."""
    return differentiable(network, x, rule)


def test_a_rule_is_its_formula_at_every_sign() -> None:
    assert RULES.keys() == BACKWARD.keys()
    c, z = torch.tensor([-2.0, 0, 3]).repeat(3), torch.tensor([-1.0, 0, 1]).repeat_interleave(3)
    for rule, expected in BACKWARD.items():
        assert torch.equal(RULES[rule](c, z), expected(c, z)), rule


@pytest.mark.parametrize("head", HEADS)
def test_a_trace_holds_what_a_chain_of_modules_computes(network: ZFNet, x: Tensor, trace: Trace, head: str) -> None:
    values = run(sequential(network, head), x)
    for layer in trace.outputs.keys() & values.keys():
        assert difference(trace.activation(layer), values[layer]) < 1e-12, layer
        if layer in RECTIFIED:
            assert difference(trace.outputs[layer], values[f"{layer}_before"]) < 1e-12, layer
    assert values.keys() >= (set(LAYERS) if head == "fc" else {"gap"})
    assert torch.equal(trace.activation("input"), x)


def test_calling_the_network_gives_the_logits(network: ZFNet, x: Tensor, trace: Trace) -> None:
    assert torch.equal(network(x), trace.outputs["fc8"])


def test_a_switch_names_the_cell_that_its_window_chose(trace: Trace) -> None:
    assert tuple(trace.switches) == POOLINGS
    for pool, switches in trace.switches.items():
        chosen = trace.activation(BELOW[pool]).flatten(2).gather(2, switches.flatten(2)).view_as(switches)
        assert torch.equal(chosen, trace.outputs[pool])


@pytest.mark.parametrize("until", LAYERS)
def test_a_trace_can_stop_early(network: ZFNet, x: Tensor, trace: Trace, until: str) -> None:
    stopped = network.trace(x, until)
    assert tuple(stopped.outputs) == LAYERS[: LAYERS.index(until) + 1]
    assert torch.equal(stopped.outputs[until], trace.outputs[until])


def test_a_trace_that_stops_below_fc6_takes_pictures_of_any_size(network: ZFNet) -> None:
    small = network.trace(torch.ones(1, 3, 90, 120, dtype=torch.float64), "conv5")
    height, width = small.outputs["conv5"].shape[2:]
    assert height < width
    assert network.pullback(small, "conv5", small.outputs["conv5"]).shape == (1, 3, 90, 120)


def test_a_trace_knows_its_size(trace: Trace) -> None:
    held = [trace.input, *trace.outputs.values(), *trace.switches.values()]
    assert trace.nbytes == sum(tensor.element_size() * tensor.numel() for tensor in held)


@pytest.mark.parametrize("layer", STARTS)
def test_pullback_equals_autograd_between_any_two_layers(
    network: ZFNet, trace: Trace, reference: dict[str, Tensor], rule: str, layer: str
) -> None:
    cotangent, untils = random_like(reference[layer]), below(layer)
    ends = [reference[until] for until in untils]
    expected = torch.autograd.grad(reference[layer], ends, cotangent, retain_graph=True)
    for until, gradient in zip(untils, expected, strict=True):
        pulled = network.pullback(trace, layer, cotangent, rule=rule, until=until)
        assert difference(pulled, gradient) < 1e-11, until


def test_the_three_rules_differ(network: ZFNet, trace: Trace) -> None:
    cotangent = random_like(trace.outputs["fc8"])
    gradient, deconvnet, guided = (network.pullback(trace, "fc8", cotangent, rule=rule) for rule in RULES)
    assert min(difference(gradient, deconvnet), difference(gradient, guided), difference(deconvnet, guided)) > 0.2


@pytest.mark.parametrize("layer", ["pool1", "conv2", "pool5", "fc8", "gap"])
def test_many_signals_share_the_trace_of_one_picture(network: ZFNet, trace: Trace, rule: str, layer: str) -> None:
    cotangents = random_like(trace.outputs[layer], count=3)
    together = network.pullback(trace, layer, cotangents, rule=rule)
    for signal, pulled in zip(cotangents.split(1), together.split(1), strict=True):
        alone = network.pullback(trace, layer, signal, rule=rule)
        torch.testing.assert_close(pulled, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer", ["conv2", "pool5", "fc8", "gap"])
def test_in_a_batch_every_picture_has_its_own_signal(network: ZFNet, x: Tensor, rule: str, layer: str) -> None:
    pictures = torch.cat([x, 2 * x.flip(3)])
    batch = network.trace(pictures)
    cotangents = random_like(batch.outputs[layer])
    together = network.pullback(batch, layer, cotangents, rule=rule)
    for picture, signal, pulled in zip(pictures.split(1), cotangents.split(1), together.split(1), strict=True):
        alone = network.pullback(network.trace(picture), layer, signal, rule=rule)
        torch.testing.assert_close(pulled, alone, rtol=0, atol=1e-12)


def test_the_default_is_the_gradient_down_to_the_pixels(network: ZFNet, trace: Trace) -> None:
    cotangent = random_like(trace.outputs["conv2"])
    default = network.pullback(trace, "conv2", cotangent)
    assert torch.equal(default, network.pullback(trace, "conv2", cotangent, rule="gradient", until="input"))


@pytest.mark.parametrize("layer", STARTS)
def test_one_step_down_is_the_adjoint_of_one_step_up(network: ZFNet, trace: Trace, layer: str) -> None:
    """<P f, y> = <f, P^T y>, where P is the layer without bias, with its switches or its ReLU's mask held fixed."""
    values = trace.activation(BELOW[layer])
    f, y = random_like(values, seed=3), random_like(trace.outputs[layer], seed=4)
    if layer in POOLINGS:
        up = f.flatten(2).gather(2, trace.switches[layer].flatten(2)).view_as(y)
    elif layer in SPATIAL:
        step, weight = getattr(network.config, layer), network.get_submodule(layer).weight
        up = F.conv2d(f, weight, None, step.stride, step.padding, groups=step.groups)
    else:
        up = (f.mean((2, 3)) if layer == "gap" else f.flatten(1)) @ network.get_submodule(layer).weight.T
    if layer in RECTIFIED:
        up = up * (trace.outputs[layer] > 0)
    down = network.pullback(trace, layer, y, until=BELOW[layer])
    assert down.shape == f.shape
    torch.testing.assert_close((up * y).sum(), (f * down).sum(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("pool", POOLINGS)
def test_unpooling_loses_nothing_where_windows_overlap(trace: Trace, pool: str) -> None:
    """Writing instead of adding loses the values of all but one of the windows that chose the same cell."""
    values, switches = random_like(trace.outputs[pool]), trace.switches[pool]
    size = trace.outputs[BELOW[pool]].shape[2:]
    added = unpool(values, switches, size)
    torch.testing.assert_close(added.sum((2, 3)), values.sum((2, 3)))
    slowly = torch.zeros_like(added).flatten(2)
    for channel in range(values.shape[1]):
        for value, switch in zip(values[0, channel].flatten(), switches[0, channel].flatten(), strict=True):
            slowly[0, channel, switch] += value
    assert difference(added.flatten(2), slowly) < 1e-12
    assert difference(F.max_unpool2d(values, switches, 3, 2, output_size=size), added) > 0.2


def test_unpooling_equals_torch_where_windows_do_not_overlap() -> None:
    pooled, switches = F.max_pool2d(random_like(torch.empty(2, 3, 8, 6)), 2, return_indices=True)
    assert torch.equal(unpool(pooled, switches, (8, 6)), F.max_unpool2d(pooled, switches, 2))


def test_unpooling_spreads_the_switches_of_one_picture_over_many_signals() -> None:
    pooled, switches = F.max_pool2d(random_like(torch.empty(1, 3, 9, 7)), 3, 2, return_indices=True)
    signals = random_like(pooled, count=4)
    together = unpool(signals, switches, (9, 7))
    assert torch.equal(together, torch.cat([unpool(signal, switches, (9, 7)) for signal in signals.split(1)]))


def test_a_factored_layer_is_the_product_of_its_factors() -> None:
    model = random_network(narrow(TABLE), ranks={"fc6": 4})
    x, c = random_like(torch.empty(3, 245).double()), random_like(torch.empty(3, 32).double())
    assert isinstance(model.fc6, FactoredLinear)
    assert model.fc6.weight.shape == (32, 245)
    torch.testing.assert_close(model.fc6(x), x @ model.fc6.weight.T + model.fc6.bias)
    torch.testing.assert_close(model.fc6.transpose(c), c @ model.fc6.weight)


def test_parameters_are_named_as_in_a_checkpoint() -> None:
    with torch.device("meta"):
        names = {name for name, _ in ZFNet(TABLE, ranks={"fc7": 8}).named_parameters()}
    plain = [*CONVOLUTIONS, "fc6", "fc8", "gap"]
    kinds = [*product(plain, ["weight", "bias"]), *product(["fc7"], ["left", "right", "bias"])]
    assert names == {f"{layer}.{kind}" for layer, kind in kinds}


def test_without_an_averaging_head_there_is_no_gap_in_the_trace(x: Tensor) -> None:
    model = random_network(narrow(PAPER), gap=False)
    trace = model.trace(x)
    assert tuple(trace.outputs) == LAYERS
    with pytest.raises(SelectionError, match=r"this trace holds .*, fc8, got 'gap'"):
        model.pullback(trace, "gap", trace.outputs["fc8"])


def test_nothing_is_left_behind(network: ZFNet, trace: Trace, rule: str) -> None:
    with unchanged(network, trace):
        for layer in STARTS:
            cotangent = random_like(trace.outputs[layer])
            before = cotangent.clone()
            assert not network.pullback(trace, layer, cotangent, rule=rule).requires_grad
            assert torch.equal(cotangent, before)
        network.trace(trace.input, "conv3")
        with pytest.raises(SelectionError):
            network.pullback(trace, "conv1", trace.outputs["conv1"], until="conv2")


def test_a_trace_has_no_in_place_relu(network: ZFNet, trace: Trace) -> None:
    assert all(bool((trace.outputs[layer] < 0).any()) for layer in RECTIFIED)
    assert all(shapes(network.config)[layer] == tuple(trace.outputs[layer][0].shape) for layer in SPATIAL)


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        ("conv3", {"rule": "relu"}, "the rules at a ReLU are gradient, deconvnet, guided, got 'relu'"),
        ("conv2", {"until": "conv3"}, "there is no way down from 'conv2' to 'conv3'"),
        ("fc8", {"until": "gap"}, "there is no way down from 'fc8' to 'gap'"),
        ("gap", {"until": "pool5"}, "there is no way down from 'gap' to 'pool5'"),
        ("conv6", {}, "fc8, gap, got 'conv6'"),
    ],
)
def test_a_way_that_does_not_exist_is_refused(
    network: ZFNet, trace: Trace, layer: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        network.pullback(trace, layer, trace.outputs.get(layer, trace.input), **options)
    assert message in str(caught.value)
