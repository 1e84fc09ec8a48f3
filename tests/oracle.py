"""ZFNet derived a second time, from torch's own modules and autograd: what the project's network is compared with.

Only the configuration and the weights are shared with ``zfnet``, not its tracing, pulling back and unpooling.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

from zfnet.geometry import FULLY_CONNECTED, PAPER, RECTIFIED, SPATIAL, TABLE, Pooling, ZFNetConfig
from zfnet.model import Trace, ZFNet

# The third reading of the paper's sizes: padded pools that round down, the last one unpadded.
PADDED = replace(PAPER, geometry="padded", pool1=Pooling(padding=1), pool2=Pooling(padding=1), pool5=Pooling())
CONFIGS = {config.geometry: config for config in (TABLE, PAPER, PADDED)}
HEADS = {"fc": "fc8", "gap": "gap"}

# What becomes of the signal c at a ReLU with the input z, spelled out cell by cell.
BACKWARD: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gradient": lambda c, z: torch.where(z > 0, c, 0),
    "deconvnet": lambda c, z: torch.where(c > 0, c, 0),
    "guided": lambda c, z: torch.where((c > 0) & (z > 0), c, 0),
}


def narrow(config: ZFNetConfig) -> ZFNetConfig:
    """Return the same geometry at 224 pixels with a few maps and classes; the padded one in two groups at conv2."""
    widths = {"conv1": 6, "conv2": 8, "conv3": 7, "conv4": 6, "conv5": 5}
    layers = {name: replace(getattr(config, name), filters=width) for name, width in widths.items()}
    if config.geometry == "padded":
        layers["conv2"] = replace(layers["conv2"], groups=2)
    return replace(config, **layers, fc6=32, fc7=24, num_classes=9)


def random_network(
    config: ZFNetConfig, *, ranks: Mapping[str, int] | None = None, gap: bool = True, seed: int = 0
) -> ZFNet:
    """Return a frozen float64 network whose weights keep signals alive and whose biases are not zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        model = ZFNet(config, ranks=ranks, gap=gap)
    state = {
        name: torch.randn(p.shape, generator=generator, dtype=torch.float64)
        * (0.1 if name.endswith("bias") else (2 / p[0].numel()) ** 0.5)
        for name, p in model.named_parameters()
    }
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def sequential(model: ZFNet, head: str = "fc", relu: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """Return the network as a plain chain of modules, those that make a layer's values named as the layer.

    Args:
        model: where the configuration and the weights come from; factors are multiplied out.
        head: "fc" for fc6 to fc8, "gap" for the head on averaged conv5 maps.
        relu: makes the module that follows ``conv1_before`` and is named ``conv1``, and so on.
    """
    state, config, chain = model.state_dict(), model.config, nn.Sequential()

    def add(name: str, module: nn.Module) -> None:
        chain.add_module(f"{name}_before" if name in RECTIFIED else name, module)
        if name in RECTIFIED:
            chain.add_module(name, relu())

    def filled(name: str, module: type[nn.Module], *arguments: int, **options: int) -> nn.Module:
        full = f"{name}.weight" in state
        weight = state[f"{name}.weight"] if full else state[f"{name}.left"] @ state[f"{name}.right"]
        empty = module(*(arguments or weight.shape[::-1]), **options, device="meta")
        empty.load_state_dict({"weight": weight, "bias": state[f"{name}.bias"]}, assign=True)
        return empty.requires_grad_(False)

    channels = 3
    for name in SPATIAL if head == "fc" else SPATIAL[: SPATIAL.index("pool5")]:
        layer = getattr(config, name)
        if isinstance(layer, Pooling):
            add(name, nn.MaxPool2d(layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil))
        else:
            shape = channels, layer.filters, layer.kernel, layer.stride, layer.padding
            add(name, filled(name, nn.Conv2d, *shape, groups=layer.groups))
            channels = layer.filters
    if head == "gap":
        chain.add_module("average", nn.AdaptiveAvgPool2d(1))
    chain.add_module("flatten", nn.Flatten())
    for name in FULLY_CONNECTED if head == "fc" else ("gap",):
        add(name, filled(name, nn.Linear))
    return chain


def run(chain: nn.Sequential, x: Tensor) -> dict[str, Tensor]:
    """Return the values that every module of the chain makes, by name, and the ``input``."""
    values = {"input": x}
    for name, module in chain.named_children():
        x = values[name] = module(x)
    return values


class Rectifier(nn.Module):
    """A ReLU with one of the ways ``BACKWARD``."""

    def __init__(self, rule: str) -> None:
        super().__init__()
        self.rule = rule

    def forward(self, z: Tensor) -> Tensor:
        return _Rectify.apply(z, self.rule)


class _Rectify(Function):
    @staticmethod
    def forward(ctx, z: Tensor, rule: str) -> Tensor:
        ctx.save_for_backward(z)
        ctx.rule = rule
        return torch.where(z > 0, z, 0)

    @staticmethod
    def backward(ctx, c: Tensor) -> tuple[Tensor, None]:
        return BACKWARD[ctx.rule](c, *ctx.saved_tensors), None


def differentiable(model: ZFNet, x: Tensor, rule: str) -> dict[str, Tensor]:
    """Return every layer's values after ReLU, and both heads' logits, in one graph with ``rule`` at its ReLUs."""
    values = run(sequential(model, relu=lambda: Rectifier(rule)), x.clone().requires_grad_())
    if model.gap is not None:
        values["gap"] = F.linear(values["conv5"].mean((2, 3)), model.gap.weight, model.gap.bias)
    return values


def difference(a: Tensor, b: Tensor) -> float:
    """Return the largest deviation of ``a`` from ``b`` as a share of ``b``'s peak."""
    assert a.shape == b.shape
    return float((a - b).abs().max() / b.abs().max())


@contextmanager
def unchanged(model: ZFNet, trace: Trace) -> Iterator[None]:
    """Fail if the block leaves a mark on the network, on the trace or on torch's random state."""
    before = _marks(model, trace)
    yield
    after = _marks(model, trace)
    assert before.keys() == after.keys()
    for name, value in before.items():
        same = torch.equal(value, after[name]) if isinstance(value, Tensor) else value == after[name]
        assert same, f"{name} has changed"
    assert all(parameter.grad is None for parameter in model.parameters())


def _marks(model: ZFNet, trace: Trace) -> dict[str, object]:
    kept = {"input": trace.input, **trace.outputs, **{f"{name}'s switches": s for name, s in trace.switches.items()}}
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "the random state": torch.random.get_rng_state(),
        **{f"the trace of {name}": tensor.clone() for name, tensor in kept.items()},
        **{name: tensor.clone() for name, tensor in model.state_dict().items()},
        **{f"requires_grad of {name}": parameter.requires_grad for name, parameter in model.named_parameters()},
        **{f"the mode of {name}": module.training for name, module in model.named_modules()},
        **{f"{hook} of {name}": len(getattr(module, hook)) for name, module in model.named_modules() for hook in hooks},
    }
