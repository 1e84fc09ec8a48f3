"""Read a ZFNet checkpoint and say in one sentence what is wrong with it.

Two kinds of file are read: ``.safetensors``, whose metadata hold the configuration, and a PyTorch state dict (``.pth``,
``.pt``), which needs a JSON file of the same name beside it, because geometry, preprocessing and labels cannot be
inferred from weights. Both hold ``conv1.weight``, ``conv1.bias`` ... ``fc8.bias`` in PyTorch's layouts. A fully
connected layer may come as two factors,
``fc6.left`` and ``fc6.right`` with weight = left @ right; ``gap.weight`` and ``gap.bias``, a linear head on averaged
conv5 maps, are optional.
"""

import hashlib
import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from zfnet.errors import InvalidCheckpointError
from zfnet.geometry import FULLY_CONNECTED, GEOMETRIES, ZFNetConfig
from zfnet.labels import Labels, imagenet_labels, numbered_labels
from zfnet.model import ZFNet
from zfnet.pickles import check_pickle

EMBEDDED = Path(__file__).resolve().parent.parent / "assets" / "zfnet.safetensors"
MAX_DESCRIPTION = 2**20  # bytes of JSON; that of the embedded checkpoint has 2 kB; parsed, it may take a hundredfold
SIDECAR = {"config": {"geometry": "table", "num_classes": 1000}, "labels": "imagenet-1k"}
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Checked weights with everything that must travel with them.

    ``id`` is the start of the file's SHA-256; ``mean`` and ``std`` normalise RGB in [0, 1]; ``evaluation`` holds the
    accuracies that were written into the file, by data set, and is empty where none were.
    """

    id: str
    name: str
    config: ZFNetConfig
    tensors: Mapping[str, Tensor] = field(repr=False)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    labels: Labels = field(repr=False)
    evaluation: Mapping[str, Mapping[str, float]]

    @property
    def ranks(self) -> dict[str, int]:
        """Return the rank of each fully connected layer that is stored as two factors."""
        return {
            name: self.tensors[f"{name}.left"].shape[1] for name in FULLY_CONNECTED if f"{name}.left" in self.tensors
        }

    def build(self) -> ZFNet:
        """Return the network with these weights: float32, evaluation mode, frozen."""
        with torch.device("meta"):
            model = ZFNet(self.config, ranks=self.ranks, gap="gap.weight" in self.tensors)
        model.load_state_dict(dict(self.tensors), assign=True)
        return model.eval().requires_grad_(False)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and check a checkpoint.

    Args:
        path: a ``.safetensors`` file, or a ``.pth`` or ``.pt`` state dict with its JSON file beside it.

    Raises:
        InvalidCheckpointError: with one sentence that says what is wrong and what is expected.
    """
    if not path.is_file():
        raise InvalidCheckpointError(f"there is no checkpoint at {path}; set ZFNET_CHECKPOINT to an existing file")
    read = _read_state_dict if path.suffix in (".pth", ".pt") else _read_safetensors
    tensors, metadata = read(path)
    _check_size(tensors, path)
    config = _config(metadata, path)
    expected = _expected(config, tensors)
    _check(tensors, expected, path)
    mean, std = _normalisation(metadata, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Checkpoint(
        id=digest[:12],
        name=path.name,
        config=config,
        tensors={name: tensors[name].to(torch.float32) for name in expected},
        mean=mean,
        std=std,
        labels=_labels(metadata, config, path),
        evaluation=_evaluation(metadata, path),
    )


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with path.open("rb") as start:
        header = int.from_bytes(start.read(8), "little")
    if MAX_DESCRIPTION < header < path.stat().st_size:
        raise InvalidCheckpointError(
            f"{path.name} describes itself in {header:,} bytes, at most {MAX_DESCRIPTION:,} are allowed"
        )
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise InvalidCheckpointError(
            f"{path.name} is not a complete safetensors file ({_short(str(error), 200)}); copy or download it again"
        ) from error
    for key in ("config", "input", "evaluation"):
        if key in metadata:
            metadata[key] = _parse(metadata[key], f"the metadata {key!r} of {path.name}")
    return tensors, metadata


def _read_state_dict(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    sidecar = path.with_suffix(".json")
    if not sidecar.is_file():
        raise InvalidCheckpointError(
            f"{path.name} needs a file {sidecar.name} beside it that says which network it is, for example "
            f"{json.dumps(SIDECAR)}; the geometry is one of {', '.join(GEOMETRIES)}"
        )
    with sidecar.open(encoding="utf-8", errors="replace") as file:
        text = file.read(MAX_DESCRIPTION + 1)
    if len(text) > MAX_DESCRIPTION:
        raise InvalidCheckpointError(f"{sidecar.name} is longer than the {MAX_DESCRIPTION:,} bytes that are allowed")
    metadata = _parse(text, sidecar.name)
    try:
        check_pickle(path)
        # weights_only never runs code from the file.
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler fails with whatever the broken bytes lead it to
        raise InvalidCheckpointError(
            f"{path.name} is not a PyTorch state dict that can be read without running its code; save it again with "
            "torch.save(model.state_dict(), ...)"
        ) from error
    items = tensors.items() if isinstance(tensors, dict) else ()
    if not items or not all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in items):
        raise InvalidCheckpointError(
            f"{path.name} holds a {type(tensors).__name__}, expected a state dict of tensors only"
        )
    return tensors, metadata


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is JSON, but can be shown nowhere
    except (ValueError, RecursionError) as error:
        raise InvalidCheckpointError(
            f"{where} is not JSON ({error}), expected for example {json.dumps(SIDECAR)}"
        ) from error
    if not isinstance(value, dict):
        raise InvalidCheckpointError(f"{where} is not a JSON object, expected for example {json.dumps(SIDECAR)}")
    return value


def _config(metadata: Mapping[str, Any], path: Path) -> ZFNetConfig:
    given = metadata.get("config")
    geometry = given.get("geometry") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(geometry, str) or geometry not in GEOMETRIES:
        raise InvalidCheckpointError(
            f"{path.name} does not say which ZFNet it is: its config needs a geometry, one of {', '.join(GEOMETRIES)}, "
            f"got {reprlib.repr(geometry)}"
        )
    classes = given.get("num_classes", 1000)
    if not isinstance(classes, int) or isinstance(classes, bool) or not 1 <= classes <= 100_000:
        raise InvalidCheckpointError(
            f"{path.name} needs num_classes as a number from 1 to 100000, got {reprlib.repr(classes)}"
        )
    if given.get("response_normalization"):
        raise InvalidCheckpointError(f"{path.name} was trained with response normalisation, which is not supported yet")
    return replace(GEOMETRIES[geometry], num_classes=classes)


def _check_size(tensors: Mapping[str, Tensor], path: Path) -> None:
    # A tensor may repeat one number as often as it likes, and costs what it claims as soon as it is read.
    claimed, size = sum(t.numel() * t.element_size() for t in tensors.values()), path.stat().st_size
    if claimed > size:
        raise InvalidCheckpointError(f"{path.name} claims {claimed:,} bytes of weights in a file of {size:,}")


def _expected(config: ZFNetConfig, tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return names and shapes, with factors and the averaging head where the file has them."""
    with torch.device("meta"):
        plain = ZFNet(config, gap=any(name.startswith("gap.") for name in tensors)).state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in plain.items()}
    for layer in FULLY_CONNECTED:
        left, right = tensors.get(f"{layer}.left"), tensors.get(f"{layer}.right")
        if left is not None or right is not None:
            outputs, inputs = expected.pop(f"{layer}.weight")
            factor = left if left is not None else right
            rank = factor.shape[1 if left is not None else 0] if factor is not None and factor.ndim == 2 else 0
            expected |= {f"{layer}.left": (outputs, rank), f"{layer}.right": (rank, inputs)}
    return expected


def _check(tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], path: Path) -> None:
    missing, unknown = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    if missing:
        hint = f"; it has {_few(unknown)}" if unknown else ""
        raise InvalidCheckpointError(f"{path.name} lacks {_few(missing)} of a ZFNet{hint}")
    if unknown:
        raise InvalidCheckpointError(f"{path.name} holds {_few(unknown)}, which a ZFNet does not have")
    for name, shape in expected.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape:
            raise InvalidCheckpointError(
                f"{path.name}: {name} has the shape {_by(tensor.shape)}, expected {_by(shape)}"
            )
        if not tensor.is_floating_point():
            raise InvalidCheckpointError(f"{path.name}: {name} holds {tensor.dtype}, expected floating-point numbers")
        if not bool(torch.isfinite(tensor.to(torch.float32)).all()):  # as loaded: 1e300 is finite in float64 only
            raise InvalidCheckpointError(f"{path.name}: {name} holds NaN or infinite values; the training diverged")


def _normalisation(
    metadata: Mapping[str, Any], path: Path
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    given = metadata.get("input") or {}
    try:
        mean, std = (given.get(key, default) for key, default in (("mean", _IMAGENET_MEAN), ("std", _IMAGENET_STD)))
        mean, std = tuple(map(float, mean)), tuple(map(float, std))
    except (AttributeError, TypeError, ValueError, OverflowError):
        mean = std = ()
    if len(mean) != 3 or len(std) != 3 or not all(map(math.isfinite, mean + std)) or min(std) <= 0:
        raise InvalidCheckpointError(f"{path.name} needs an input mean and std of three numbers each, std above 0")
    return mean, std


def _evaluation(metadata: Mapping[str, Any], path: Path) -> dict[str, dict[str, float]]:
    given = metadata.get("evaluation") or {}
    if not isinstance(given, dict) or not all(isinstance(numbers, dict) for numbers in given.values()):
        raise InvalidCheckpointError(
            f"{path.name} needs its evaluation as numbers by data set, for example {json.dumps({'val': {'top1': 0.6}})}"
        )
    return given


def _labels(metadata: Mapping[str, Any], config: ZFNetConfig, path: Path) -> Labels:
    given = metadata.get("labels", "")
    if isinstance(given, list):
        if len(given) != config.num_classes:
            raise InvalidCheckpointError(f"{path.name} names {len(given)} classes, but has {config.num_classes}")
        return Labels(tuple(map(str, given)), tuple(map(str, given)))
    if str(given).startswith("imagenet-1k") and config.num_classes == len(imagenet_labels()):
        return imagenet_labels()
    return numbered_labels(config.num_classes)


def _few(names: list[str]) -> str:
    return ", ".join(_short(name, 80) for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _short(words: str, length: int) -> str:
    """Return what a file says so that it can stand in a sentence: nothing that breaks the line."""
    return "".join(character for character in words[:length] if character.isprintable())


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "()"
