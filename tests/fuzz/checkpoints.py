"""Checkpoints: damaged files of weights, and the JSON beside them, go through reading and building."""

import functools
import io
import json
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save
from torch import Tensor

from tests.fuzz.mutation import NUMBERS, cut, flip, number
from tests.fuzz.worker import Trial
from zfnet.checkpoint import read_checkpoint
from zfnet.errors import InvalidCheckpointError
from zfnet.geometry import TABLE
from zfnet.model import ZFNet

MAX_MESSAGE = 1000
_DESCRIPTION: dict[str, object] = {
    "config": {"geometry": "table", "num_classes": 10},
    "labels": list("abcdefghij"),
    "input": {"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
    "evaluation": {"val": {"top1": 0.6}},
}
_VALUES: tuple[object, ...] = (
    *(None, True, -1, 0, 1, 1e308, float("nan"), float("inf"), 10**30, 10**400, 2**31, 2**60, 2**63, 2**64, 99_999),
    *("", "table", "paper", "wide", "F16", "F64", "BOOL", "F8_E4M3", "F4", "\ud800", "\0", "x\ny", "a" * 5000),
    *([], {}, [[]], {"a": {}}, [0, 0], [0, 2**60], [2**62, 4], {"val": {"top1": "high"}}),
)
_DEEP = {"[": "[" * 5000 + "]" * 5000, "{": '{"a":' * 5000 + "0" + "}" * 5000}
_OPCODES = (
    *(
        b"cbuiltins\nbytearray\n",
        b"cbuiltins\neval\n",
        b"cposix\nsystem\n",
        b"ccollections\nCounter\n",
        b"}",
        b"]",
        b")",
    ),
    *(
        b"ctorch._utils\n_rebuild_sparse_tensor\n",
        b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n",
        b"R",
        b"b",
        b"0",
    ),
    *(b"ctorch\nDoubleStorage\n", b"ctorch\nBoolStorage\n", b"ctorch\nTensor\n", b"ctorch\ndevice\n", b"t", b"(", b"."),
    *(
        b"\x85",
        b"\x86",
        b"\x87",
        b"N",
        b"\x88",
        b"\x81",
        b"Q",
        b"s",
        b"u",
        b"a",
        b"e",
        b"\x80\x04",
        b"h\x00",
        b"r\xff\xff\xff\x7f",
    ),
    *(b"J" + n.to_bytes(4, "little") for n in NUMBERS),
    b"\x8a\x08" + (2**60).to_bytes(8, "little"),
)


@dataclass(frozen=True, slots=True)
class Files:
    """A file of weights with its ending, and the JSON beside it."""

    suffix: str
    data: bytes
    sidecar: bytes

    def save(self, folder: Path) -> Path:
        """Write both, and return where the weights are."""
        path = folder / f"weights{self.suffix}"
        path.write_bytes(self.data)
        path.with_suffix(".json").write_bytes(self.sidecar)
        return path


class Checkpoints:
    """The cases, by seed and number: one in eight of a complete set of weights, the others of small ones."""

    def __init__(self) -> None:
        small = {name: torch.ones(2, 3).half() for name in ("conv1.weight", "fc6.left", "gap.bias")}
        self._complete, self._small = _seeds(weights()), _seeds(small)

    def case(self, seed: int, number: int) -> tuple[str, bytes]:
        """Return what kind of file it was, and its damaged bytes, with the JSON beside it."""
        random = Random(f"{seed}:{number}")
        seeds = self._complete if random.random() < 1 / 8 else self._small
        name = random.choice(list(seeds))
        files = seeds[name]
        if name == "json" or random.random() < 0.1:
            files = replace(files, sidecar=_text(_DESCRIPTION, random))
        if name != "json":
            files = replace(files, data=_DAMAGE[name](files.data, random))
        return name, pickle.dumps(files)


def weights() -> dict[str, Tensor]:
    """Return a complete set for ten classes, as small as it can be: half precision, factors of rank 1."""
    with torch.device("meta"):
        shapes = ZFNet(replace(TABLE, num_classes=10), ranks={"fc6": 1, "fc7": 1}).state_dict()
    return {name: torch.full(tensor.shape, 0.01).half() for name, tensor in shapes.items()}


def make_trial(folder: Path) -> Trial:
    """Return what is done with a checkpoint: "network", or "refused"."""
    return functools.partial(_try, folder)


def _try(folder: Path, case: bytes) -> str:
    path = pickle.loads(case).save(folder)
    try:
        checkpoint = read_checkpoint(path)
    except InvalidCheckpointError as error:
        message = str(error)
        assert message.isprintable(), message
        assert len(message) <= MAX_MESSAGE
        return "refused"
    checkpoint.build()
    names = "".join(checkpoint.labels.name(index) for index in range(len(checkpoint.labels)))
    names.encode()
    return "network"


def _seeds(tensors: dict[str, Tensor]) -> dict[str, Files]:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in _DESCRIPTION.items()}
    archive, legacy, sidecar = io.BytesIO(), io.BytesIO(), json.dumps(_DESCRIPTION).encode()
    torch.save(tensors, archive)
    torch.save(tensors, legacy, _use_new_zipfile_serialization=False)
    return {
        "safetensors": Files(".safetensors", save(tensors, texts), b""),
        "zip": Files(".pth", archive.getvalue(), sidecar),
        "legacy": Files(".pt", legacy.getvalue(), sidecar),
        "json": Files(".pth", archive.getvalue(), sidecar),
    }


def _text(value: object, random: Random) -> bytes:
    """Return JSON with something in it replaced, now and then damaged as text."""
    text = json.dumps(_altered(value, random))
    if random.random() < 0.1:
        text = text.replace(*random.choice(list(_DEEP.items())), 1)
    return flip(text.encode(), random) if random.random() < 0.2 else text.encode()


def _altered(value: object, random: Random) -> object:
    if isinstance(value, str) and value.startswith("{"):
        return _text(json.loads(value), random).decode(errors="replace")
    if isinstance(value, list | dict) and value and random.random() < 0.9:
        at = random.choice(list(value) if isinstance(value, dict) else range(len(value)))
        copy = value.copy()
        if random.random() < 0.1:
            copy.pop(at)
        else:
            copy[at] = _altered(value[at], random)
        return copy
    return random.choice(_VALUES)


def _safetensors(data: bytes, random: Random) -> bytes:
    length = int.from_bytes(data[:8], "little")
    text, body = data[8 : 8 + length], data[8 + length :]
    text = random.choice((text, flip(text, random), *[_text(json.loads(text), random)] * 4))
    told = random.choice((len(text), len(text), len(text), len(text), 0, len(text) - 1, 2**27, 2**60, 2**64 - 1))
    if random.random() < 0.3:
        body = random.choice((cut, flip, number))(body, random)
    return told.to_bytes(8, "little") + text + body


def _zip(data: bytes, random: Random) -> bytes:
    if random.random() < 0.2:
        return random.choice((cut, flip, number))(data, random)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        names = source.namelist()
        altered = random.choice((*names, *[name for name in names if name.endswith(".pkl")] * len(names)))
        for name in names:
            body = source.read(name)
            if name == altered:
                damage = _pickle if name.endswith(".pkl") else random.choice((cut, flip, number, _emptied))
                body = damage(body, random)
            deflated = zipfile.ZIP_DEFLATED if random.random() < 0.05 else zipfile.ZIP_STORED
            target.writestr(name, body, deflated)
    return buffer.getvalue()


def _emptied(_: bytes, random: Random) -> bytes:
    return bytes(random.choice((0, 1, 2**20)))


def _legacy(data: bytes, random: Random) -> bytes:
    stream = io.BytesIO(data)
    if random.random() < 0.3:
        return random.choice((cut, flip, number))(data, random)
    ends = []
    for _ in range(5):  # magic number, protocol, system, state dict, keys of the storages
        for _ in pickletools.genops(stream):
            pass
        ends.append(stream.tell())
    at = random.randrange(5) if random.random() < 0.3 else 3
    start = ends[at - 1] if at else 0
    return data[:start] + _pickle(data[start : ends[at]], random) + data[ends[at] :]


def _pickle(data: bytes, random: Random) -> bytes:
    """Change the operations of a pickle."""
    places = [at for _, _, at in pickletools.genops(data)]
    steps = [data[start:end] for start, end in zip(places, [*places[1:], len(data)], strict=True)]
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(steps))
        steps[at : at + 1] = random.choice(
            (
                [],
                [steps[at], steps[at]],
                [steps[at]] * 2000,
                [random.choice(steps)],
                [steps[at], random.choice(_OPCODES)],
                [random.choice(_OPCODES)],
                [flip(steps[at], random)],
            )
        )
        steps = steps or [b"."]
    return b"".join(steps)


_DAMAGE: dict[str, Callable[[bytes, Random], bytes]] = {"safetensors": _safetensors, "zip": _zip, "legacy": _legacy}
