"""Checkpoints: the embedded one, both kinds of file, and one sentence for everything that can be wrong with a file.

The files of these tests have ten classes and factors of rank 1: the geometry fixes all other sizes.
"""

import hashlib
import io
import json
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from zfnet.checkpoint import EMBEDDED, MAX_DESCRIPTION, SIDECAR, read_checkpoint
from zfnet.errors import InvalidCheckpointError
from zfnet.geometry import GEOMETRIES, PAPER, TABLE
from zfnet.model import ZFNet

TEN = {"geometry": "table", "num_classes": 10}
STUB = {"conv1.bias": torch.zeros(96)}


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    """A complete set of float16 weights; left factors hold -1, 0 and 1, so that left @ right is exact in float16."""
    with torch.device("meta"):
        shapes = {
            name: t.shape
            for name, t in ZFNet(replace(TABLE, num_classes=10), ranks={"fc6": 1, "fc7": 1}).state_dict().items()
        }
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, shape in shapes.items():
        scale = 0.1 if len(shape) == 1 else shape[1:].numel() ** -0.5
        weights[name] = torch.randn(shape, generator=generator).mul(scale).half()
    for layer in ("fc6", "fc7"):
        weights[f"{layer}.left"] = torch.randint(-1, 2, shapes[f"{layer}.left"], generator=generator).half()
    return weights


@pytest.fixture(scope="module")
def complete(tensors: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("complete") / "ten.safetensors", tensors)


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def save(path: Path, tensors: Mapping[str, Tensor], **metadata: object) -> Path:
    """Write a safetensors file of ten classes; values that are no text become JSON."""
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in ({"config": TEN} | metadata).items()
    }
    save_file(dict(tensors), path, texts)
    return path


def save_state_dict(path: Path, content: object, sidecar: object = {"config": TEN}) -> Path:
    torch.save(content, path)
    path.with_suffix(".json").write_text(sidecar if isinstance(sidecar, str) else json.dumps(sidecar))
    return path


def refusal(path: Path) -> str:
    """Return what is said about a file that must be refused: one sentence that names the file."""
    with pytest.raises(InvalidCheckpointError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert caught.type is InvalidCheckpointError
    assert path.stem in message
    assert "\n" not in message
    assert len(message) < 400
    return message


# The embedded checkpoint


def test_the_embedded_checkpoint_is_complete() -> None:
    checkpoint = read_checkpoint(EMBEDDED)
    assert checkpoint.id == hashlib.sha256(EMBEDDED.read_bytes()).hexdigest()[:12]
    assert checkpoint.name == "zfnet.safetensors"
    assert checkpoint.config == TABLE
    assert checkpoint.ranks == {"fc6": 256, "fc7": 256}
    assert checkpoint.mean == (0.485, 0.456, 0.406)
    assert checkpoint.std == (0.229, 0.224, 0.225)
    assert len(checkpoint.labels) == 1000
    assert checkpoint.labels.name(207) == "golden retriever"
    assert checkpoint.build().gap is not None


def test_the_embedded_checkpoint_brings_the_accuracies_of_its_model_card() -> None:
    percent = {
        data: [round(100 * numbers[key], 1) for key in ("top1", "top5")]
        for data, numbers in read_checkpoint(EMBEDDED).evaluation.items()
    }
    assert percent == {"imagenette": [68.6, 87.5], "nips": [4.0, 14.8], "gap_nips": [3.5, 15.5]}


def test_a_float16_file_gives_a_frozen_float32_network_in_evaluation_mode(
    tensors: dict[str, Tensor], complete: Path
) -> None:
    model = read_checkpoint(complete).build()
    assert not any(module.training for module in model.modules())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in model.parameters())
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, tensors[name].float()), name


def test_a_network_without_the_averaging_head_loads(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    plain = {name: tensor for name, tensor in tensors.items() if not name.startswith("gap.")}
    assert read_checkpoint(save(tmp_path / "plain.safetensors", plain)).build().gap is None


def test_plain_matrices_and_their_factors_give_the_same_logits(
    tensors: dict[str, Tensor], complete: Path, tmp_path: Path, x: Tensor
) -> None:
    plain = dict(tensors)
    for layer in ("fc6", "fc7"):
        plain[f"{layer}.weight"] = plain.pop(f"{layer}.left") * plain.pop(f"{layer}.right")
    checkpoint = read_checkpoint(save(tmp_path / "multiplied.safetensors", plain))
    assert checkpoint.ranks == {}
    logits = read_checkpoint(complete).build()(x)
    assert logits.abs().max() > 0.1
    torch.testing.assert_close(checkpoint.build()(x), logits, rtol=1e-5, atol=1e-5)


# State dicts


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_a_state_dict_gives_the_logits_of_the_safetensors_file(
    tensors: dict[str, Tensor], complete: Path, tmp_path: Path, *, x: Tensor, suffix: str
) -> None:
    path = save_state_dict(tmp_path / f"ten{suffix}", tensors, {"config": TEN, "labels": list("abcdefghij")})
    checkpoint = read_checkpoint(path)
    assert torch.equal(checkpoint.build()(x), read_checkpoint(complete).build()(x))
    assert checkpoint.labels.english == tuple("abcdefghij")
    assert checkpoint.evaluation == {}


def test_a_state_dict_of_parameters_stays_as_it_was(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    parameters = {name: torch.nn.Parameter(tensor.float()) for name, tensor in tensors.items()}
    model = read_checkpoint(save_state_dict(tmp_path / "trained.pth", parameters)).build()
    assert not any(p.requires_grad for p in model.parameters())
    assert all(p.requires_grad for p in parameters.values())


def test_a_state_dict_alone_is_told_what_to_write_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(STUB, path)
    message = refusal(path)
    assert message.startswith(
        "weights.pth needs a file weights.json beside it that says which network it is, for example "
    )
    assert json.dumps(SIDECAR) in message
    assert all(geometry in message for geometry in GEOMETRIES)


@pytest.mark.parametrize("kind", ["zip", "pickle"])
def test_a_hostile_pickle_never_runs(tmp_path: Path, kind: str) -> None:
    path, mark = tmp_path / "hostile.pth", tmp_path / "it-ran"
    content = {"conv1.weight": Hostile(mark)}
    save_state_dict(path, content)
    if kind == "pickle":
        path.write_bytes(pickle.dumps(content))
    assert "without running its code" in refusal(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(content))
    assert mark.exists()  # it would have


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.mark,)


def archive(pickled: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a file as ``torch.save`` writes it, around any pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in (("data.pkl", pickled), ("version", b"3\n"), ("byteorder", b"little")):
            file.writestr(f"weights/{name}", content)
    return buffer.getvalue()


COMMAND = {
    "os.system": b"cos\nsystem\n(S'touch {mark}'\ntR.",
    "posix.system": b"\x80\x02cposix\nsystem\nX{length}touch {mark}\x85R.",
    "builtins.eval": b"\x80\x02cbuiltins\neval\nX{length}open('{mark}','w')\x85R.",
    "inst": b"(S'touch {mark}'\nios\nsystem\n.",
    "stack global": b"\x80\x04\x8c\x05posix\x8c\x06system\x93X{length}touch {mark}\x85R.",
    "newobj": b"\x80\x02csubprocess\nPopen\nX{length}touch {mark}\x85\x81.",
    "getattr": b"\x80\x02cbuiltins\ngetattr\ncbuiltins\neval\nX{length}__call__ {mark}\x86R.",
    "an allowed name": b"\x80\x02ctorch._utils\n_rebuild_parameter\ncposix\nsystem\nX{length}touch {mark}\x86R.",
}


@pytest.mark.parametrize("looked_at", [True, False])
@pytest.mark.parametrize("kind", ["zip", "pickle", "deflated zip", "legacy"])
@pytest.mark.parametrize("name", COMMAND)
def test_no_way_of_calling_from_a_pickle_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, name: str, kind: str, looked_at: bool
) -> None:
    if not looked_at:  # PyTorch alone runs none of it either
        monkeypatch.setattr("zfnet.checkpoint.check_pickle", lambda _: None)
    path, mark = tmp_path / "hostile.pth", tmp_path / "ran"
    pickled = COMMAND[name].replace(b"{mark}", str(mark).encode())
    start, found, rest = pickled.partition(b"X{length}")
    length = rest.rfind(b"\x85" if b"\x85" in rest else b"\x86")
    pickled = start + b"X" + length.to_bytes(4, "little") + rest if found else pickled
    save_state_dict(path, STUB)
    if kind == "legacy":  # in the place of the state dict, after magic number, protocol and system
        torch.save(STUB, path, _use_new_zipfile_serialization=False)
        stream = io.BytesIO(path.read_bytes())
        for _ in range(3):
            list(pickletools.genops(stream))
        path.write_bytes(path.read_bytes()[: stream.tell()] + pickled)
    else:
        deflated = zipfile.ZIP_DEFLATED if kind == "deflated zip" else zipfile.ZIP_STORED
        path.write_bytes(pickled if kind == "pickle" else archive(pickled, deflated))
    assert "without running its code" in refusal(path)
    assert not mark.exists()


BYTES = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\0\0\0\0\1\x85R."
COPIES = (
    b"\x80\x02ccollections\nOrderedDict\nq\1]"
    + (b"(" + b"".join(b"M" + n.to_bytes(2, "little") + b"N\x86" for n in range(9000)) + b"eq\2")
    + (b"](" + b"h\1h\2\x85R" * 1000 + b"e\x86.")
)
GREEDY = {
    "4 GB of bytes": archive(BYTES),
    "4 GB of bytes, unpacked": BYTES,
    "a dictionary a thousand times": archive(COPIES),
    "a compressed archive": archive(bytes(2**20), zipfile.ZIP_DEFLATED),
    "a long pickle": archive(bytes(2**20)),
    "a tensor of no numbers": archive(b"\x80\x02ctorch._utils\n_rebuild_meta_tensor_no_storage\n."),
}


@pytest.mark.parametrize("name", GREEDY)
def test_a_pickle_that_asks_for_much_is_not_even_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_state_dict(tmp_path / "greedy.pth", STUB)
    path.write_bytes(GREEDY[name])
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was read"))
    assert "without running its code" in refusal(path)


def test_weights_that_repeat_a_number_are_refused(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    wide = torch.zeros(1).half().expand(100_000, 4096)
    path = save_state_dict(tmp_path / "wide.pth", {**tensors, "fc8.weight": wide})
    assert refusal(path).startswith("wide.pth claims 826,")


def test_a_description_has_a_bound(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = save_state_dict(tmp_path / "talkative.pth", tensors, json.dumps({"labels": "x" * MAX_DESCRIPTION}))
    assert refusal(path) == "talkative.json is longer than the 1,048,576 bytes that are allowed"
    path = save(tmp_path / "chatty.safetensors", STUB, labels="x" * MAX_DESCRIPTION)
    assert "at most 1,048,576 are allowed" in refusal(path)


@pytest.mark.parametrize("given", ["a" * 5000, [[[[[[[[[[[]]]]]]]]]]], list(range(5000))])
def test_what_came_is_told_in_short(given: object, tmp_path: Path) -> None:
    assert "got " in refusal(save_state_dict(tmp_path / "long.pth", STUB, {"config": TEN | {"num_classes": given}}))
    assert "got " in refusal(save_state_dict(tmp_path / "long.pth", STUB, {"config": {"geometry": given}}))


def test_names_that_cannot_be_written_are_refused(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = save_state_dict(tmp_path / "half.pth", tensors, {"config": TEN, "labels": ["\ud800"] * 10})
    assert "half.json is not JSON" in refusal(path)


def test_what_safetensors_says_of_a_broken_header_is_told_in_one_line(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "x\ny" + "z" * 5000, "shape": [], "data_offsets": [0, 0]}}).encode()
    path = tmp_path / "odd.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert "is not a complete safetensors file (" in refusal(path)


def test_odd_names_of_weights_are_told_in_one_line(tmp_path: Path) -> None:
    path = save_state_dict(tmp_path / "odd.pth", {"a\nb" + "c" * 5000: torch.zeros(1)})
    assert "; it has ab" in refusal(path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ([torch.zeros(1)], "list"),
        ({"state_dict": STUB, "epoch": 3}, "dict"),
        ({1: torch.zeros(1)}, "dict"),
        (torch.zeros(1), "Tensor"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: object, kind: str) -> None:
    path = save_state_dict(tmp_path / "other.pth", content)
    assert refusal(path) == f"other.pth holds a {kind}, expected a state dict of tensors only"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02.", b"hello"])
def test_broken_bytes_of_a_state_dict_are_refused(tmp_path: Path, content: bytes) -> None:
    path = save_state_dict(tmp_path / "broken.pth", STUB)
    path.write_bytes(content)
    assert "broken.pth is not a PyTorch state dict" in refusal(path)


# What is wrong with the file


def test_a_missing_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.safetensors", tmp_path):
        assert refusal(path) == f"there is no checkpoint at {path}; set ZFNET_CHECKPOINT to an existing file"


def test_a_truncated_file_is_refused(complete: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    path.write_bytes(complete.read_bytes()[: complete.stat().st_size // 2])
    message = refusal(path)
    assert message.startswith("half.safetensors is not a complete safetensors file (")
    assert message.endswith("; copy or download it again")


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"{}", png(), b"conv1.weight = 1\n" * 9, b"\xff" * 64, (2).to_bytes(8, "little") + b"{x"]
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    assert "other.safetensors is not a complete safetensors file" in refusal(path)


# What is wrong with the weights


def test_missing_weights_are_named(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    rest = {name: tensor for name, tensor in tensors.items() if name != "conv3.bias"}
    assert refusal(save(tmp_path / "hole.safetensors", rest)) == "hole.safetensors lacks conv3.bias of a ZFNet"


def test_many_missing_weights_are_counted_and_foreign_names_shown(tmp_path: Path) -> None:
    path = save(tmp_path / "foreign.safetensors", {"features.0.weight": torch.zeros(96, 3, 7, 7)})
    lacking = "foreign.safetensors lacks conv1.bias, conv1.weight, conv2.bias and 13 more of a ZFNet"
    assert refusal(path) == f"{lacking}; it has features.0.weight"


def test_one_factor_needs_the_other(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    rest = {name: tensor for name, tensor in tensors.items() if name != "fc6.right"}
    assert refusal(save(tmp_path / "left.safetensors", rest)) == "left.safetensors lacks fc6.right of a ZFNet"


def test_weights_too_many_are_named(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = save(tmp_path / "more.safetensors", {**tensors, "conv6.weight": torch.zeros(1)})
    assert refusal(path) == "more.safetensors holds conv6.weight, which a ZFNet does not have"


@pytest.mark.parametrize(
    ("name", "shape", "sentence"),
    [
        ("conv1.weight", (96, 3, 11, 11), "has the shape 96×3×11×11, expected 96×3×7×7"),
        ("fc6.right", (2, 12544), "has the shape 2×12544, expected 1×12544"),
        ("gap.bias", (), "has the shape (), expected 10"),
    ],
)
def test_a_wrong_shape_is_shown_beside_the_right_one(
    tensors: dict[str, Tensor], tmp_path: Path, *, name: str, shape: tuple[int, ...], sentence: str
) -> None:
    path = save(tmp_path / "shape.safetensors", {**tensors, name: torch.zeros(shape)})
    assert refusal(path) == f"shape.safetensors: {name} {sentence}"


def test_weights_of_another_geometry_show_both_shapes(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = save(tmp_path / "paper.safetensors", tensors, config=TEN | {"geometry": PAPER.geometry})
    assert refusal(path) == "paper.safetensors: fc6.right has the shape 1×12544, expected 1×9216"


def test_weights_of_another_number_of_classes_show_both_shapes(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = save(tmp_path / "twenty.safetensors", tensors, config=TEN | {"num_classes": 20})
    assert refusal(path) == "twenty.safetensors: fc8.weight has the shape 10×4096, expected 20×4096"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), pytest.param(1e300, id="beyond-float32")])
def test_numbers_that_are_none_are_refused(tensors: dict[str, Tensor], tmp_path: Path, value: float) -> None:
    bias = torch.zeros(384, dtype=torch.float64)
    bias[7] = value
    path = save(tmp_path / "diverged.safetensors", {**tensors, "conv4.bias": bias})
    assert refusal(path) == "diverged.safetensors: conv4.bias holds NaN or infinite values; the training diverged"


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool, torch.complex64])
def test_numbers_of_another_kind_are_refused(tensors: dict[str, Tensor], tmp_path: Path, dtype: torch.dtype) -> None:
    path = save(tmp_path / "quantised.safetensors", {**tensors, "conv2.bias": torch.zeros(256, dtype=dtype)})
    assert refusal(path) == f"quantised.safetensors: conv2.bias holds {dtype}, expected floating-point numbers"


# What is wrong with the description


@pytest.mark.parametrize("config", [{}, {"geometry": "alexnet"}, {"geometry": ["table"]}, {"geometry": None}])
def test_an_unknown_geometry_is_refused_with_those_that_are_known(tmp_path: Path, config: dict[str, object]) -> None:
    assert refusal(save(tmp_path / "shapeless.safetensors", STUB, config=config)) == (
        "shapeless.safetensors does not say which ZFNet it is: its config needs a geometry, one of table, paper, wide, "
        f"got {config.get('geometry')!r}"
    )


def test_a_file_without_any_description_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    save_file(STUB, path)
    assert "bare.safetensors does not say which ZFNet it is" in refusal(path)


@pytest.mark.parametrize("count", [0, -1, 100_001, 10.0, "1000", True, None])
def test_an_impossible_number_of_classes_is_refused(tmp_path: Path, count: object) -> None:
    path = save(tmp_path / "classes.safetensors", STUB, config={"geometry": "table", "num_classes": count})
    assert refusal(path) == f"classes.safetensors needs num_classes as a number from 1 to 100000, got {count!r}"


def test_response_normalisation_is_refused_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "lrn.safetensors", STUB, config=TEN | {"response_normalization": True})
    assert refusal(path) == "lrn.safetensors was trained with response normalisation, which is not supported yet"


@pytest.mark.parametrize("key", ["config", "input", "evaluation"])
@pytest.mark.parametrize(
    ("text", "sentence"), [("{", "is not JSON ("), ("[" * 9999, "is not JSON ("), ("[]", "is not a JSON object")]
)
def test_a_broken_description_is_refused(tmp_path: Path, key: str, text: str, sentence: str) -> None:
    message = refusal(save(tmp_path / "broken.safetensors", STUB, **{key: text}))
    assert f"the metadata {key!r} of broken.safetensors {sentence}" in message
    assert message.endswith(f"expected for example {json.dumps(SIDECAR)}")


@pytest.mark.parametrize(
    "given",
    [{"mean": [0, 0]}, {"std": [1, 1, 0]}, {"std": [1, 1, "x"]}, {"mean": [0, 0, 10**400]}, {"mean": None}, [1]],
)
def test_an_impossible_normalisation_is_refused(tensors: dict[str, Tensor], tmp_path: Path, given: object) -> None:
    path = save_state_dict(tmp_path / "input.pth", tensors, {"config": TEN, "input": given})
    assert refusal(path) == "input.pth needs an input mean and std of three numbers each, std above 0"


@pytest.mark.parametrize("given", [[0.6], {"val": 0.6}, "good"])
def test_an_evaluation_of_another_form_is_refused(tensors: dict[str, Tensor], tmp_path: Path, given: object) -> None:
    path = save_state_dict(tmp_path / "boast.pth", tensors, {"config": TEN, "evaluation": given})
    assert refusal(path).startswith("boast.pth needs its evaluation as numbers by data set, for example ")


@pytest.mark.parametrize(
    ("text", "sentence"), [("{", "model.json is not JSON"), ("3", "model.json is not a JSON object")]
)
def test_a_broken_file_beside_a_state_dict_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(save_state_dict(tmp_path / "model.pth", STUB, text))


def test_as_many_names_as_classes_are_needed(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = save_state_dict(tmp_path / "names.pth", tensors, {"config": TEN, "labels": ["cat", "dog"]})
    assert refusal(path) == "names.pth names 2 classes, but has 10"


def test_unknown_classes_are_numbered(complete: Path) -> None:
    labels = read_checkpoint(complete).labels
    assert [labels.name(0), labels.name(9, "ko")] == ["class 0", "9번 클래스"]


def test_the_names_of_imagenet_need_a_thousand_classes(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = save(tmp_path / "ten.safetensors", tensors, labels="imagenet-1k")
    assert read_checkpoint(path).labels.name(7) == "class 7"
