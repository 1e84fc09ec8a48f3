"""The methods from the shell: what they print and write is what the session returns, and errors are one line."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.test_house import ROOT
from zfnet import InferenceSession, MaximizationSettings, Unit, crop, decode_image, drawing, render
from zfnet.__main__ import main
from zfnet.aliasing import grating
from zfnet.arithmetic import as_csv
from zfnet.cam import METHODS
from zfnet.gallery import EMBEDDED_GALLERY, read_gallery
from zfnet.gallery_units import GALLERY_LAYERS, gallery_settings, gallery_units, sample_views
from zfnet.geometry import LAYERS, NETWORKS, layer_table, receptive_field, total
from zfnet.occlusion import Square
from zfnet.shell import commands
from zfnet.shell.output import show_bar

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZFNET_CHECKPOINT", raising=False)
    monkeypatch.delenv("ZFNET_GALLERY", raising=False)
    monkeypatch.setenv("ZFNET_DEVICE", "cpu")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, sample: Image.Image) -> Path:
    """The sample as a wide picture."""
    path = tmp_path_factory.mktemp("shell") / "그림.png"
    sample.resize((400, 300)).save(path)
    return path


@pytest.fixture(scope="module")
def view(file: Path) -> Image.Image:
    return crop(decode_image(file.read_bytes()))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that must succeed; return what it prints."""

    def succeed(*arguments: object) -> str:
        assert main([str(argument) for argument in arguments]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return succeed


def result(folder: Path) -> dict[str, Any]:
    """Return a folder's ``result.json``, after a look at every picture that it names."""
    parsed: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            low, high = picture.convert("L").getextrema()
            assert picture.mode == "RGB"
            assert max(picture.size) > 336  # enlarged, by a whole factor
            assert low < high
    return parsed


def arrays(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "arrays.npz") as held:
        return dict(held)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_explain_writes_one_picture_for_each_lens(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    out = run("explain", file, "--out", tmp_path / "new" / "folder", "--steps", 4)
    folder = tmp_path / "new" / "folder"
    assert out == f"written to {folder}\n"
    lenses = ("architecture", "feature_maps", "deconvnet", "gradcam", "maximization")
    assert names(folder) == {f"{lens}.png" for lens in lenses} | {"view.png", "result.json"}
    told = result(folder)
    assert told["checkpoint"] == session.info.checkpoint_id
    assert told["classes"] == [asdict(c) for c in session.classify(view).classes]
    strongest = int(session.feature_maps(view, "conv5").ranked()[0])
    assert told["feature_maps"]["strongest"][0] == told["maximization"]["unit"] == f"conv5:{strongest}"
    assert told["deconvnet"]["unit"].startswith(f"conv5:{strongest}@")
    assert told["gradcam"]["class"] == told["classes"][0]["index"]
    assert len(told["maximization"]["curve"]) == 5


def test_explain_takes_a_unit_and_a_class_and_keeps_the_arrays(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    run("explain", file, "--out", tmp_path, "--unit", "conv2:3@6,9", "--class", 281, "--steps", 1, "--npz")
    told, held = result(tmp_path), arrays(tmp_path)
    assert told["deconvnet"]["unit"] == "conv2:3@6,9"
    assert told["maximization"]["unit"] == "conv2:3"
    assert (told["gradcam"]["class"], told["gradcam"]["name"]) == (281, session.info.labels.name(281))
    (projection,) = session.deconvnet(view, ["conv2:3@6,9"])
    assert told["gradcam"]["centred"]
    (evidence,) = session.class_activation(view, [281], centred=True)
    (made,) = session.maximize(["conv2:3"], MaximizationSettings(steps=1))
    expected = {
        "feature_maps": session.feature_maps(view, "conv2").values,
        "deconvnet": projection.pixels,
        "gradcam": evidence.values,
        "maximization": made.image,
    }
    assert held.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(held[name], array, err_msg=name)


def test_architecture_prints_the_table_and_its_totals(run: Run, session: InferenceSession) -> None:
    lines = run("architecture").splitlines()
    rows = session.architecture()
    assert [line.split()[0] for line in lines[1:-2]] == [row.name for row in rows]
    assert lines[-2].split()[:2] == ["total", "75,989,096"]
    assert len({len(line.rstrip()) for line in lines[:-1]}) == 1
    told = json.loads(run("architecture", "--json"))
    assert sum(row["parameters"] for row in told if row["name"] != "gap") == 75_989_096
    assert [row["macs"] for row in told] == [row.macs for row in rows]


def test_architecture_prints_any_named_network_without_a_checkpoint(run: Run, tmp_path: Path) -> None:
    for name, config in NETWORKS.items():
        command = ("architecture", "--geometry", name, "--checkpoint", tmp_path / "nothing")
        lines, rows = run(*command).splitlines(), layer_table(config)[:-1]
        assert [line.split()[0] for line in lines[1:]] == [*LAYERS, "total"]
        assert lines[-1].split()[1:3] == [f"{total(rows, 'parameters'):,}", f"{total(rows, 'macs'):,}"]
        assert len({len(line.rstrip()) for line in lines}) == 1
        assert run(*command, "--csv") == as_csv(config, rows)
        assert [row["groups"] for row in json.loads(run(*command, "--json"))] == [row.groups for row in rows]
    assert "11/4/2/1" in run("architecture", "--geometry", "alexnet").splitlines()[1]


def test_architecture_writes_the_loaded_network_as_csv(run: Run, session: InferenceSession) -> None:
    printed = run("architecture", "--csv")
    assert printed == as_csv(session.info.config, session.architecture())
    assert [line.split(",")[0] for line in printed.splitlines()] == ["layer", *LAYERS, "gap"]


def test_classify_prints_what_the_session_answers(
    run: Run, file: Path, view: Image.Image, session: InferenceSession
) -> None:
    for head in ("fc", "gap"):
        answer = session.classify(view, top=3, head=head).classes
        lines = run("classify", file, "--top", 3, "--head", head).splitlines()
        assert [line.split(maxsplit=2)[1:] for line in lines] == [[str(c.index), c.name] for c in answer]
        assert json.loads(run("classify", file, "--top", 3, "--head", head, "--json")) == [asdict(c) for c in answer]


def test_the_crop_is_the_one_asked_for(run: Run, file: Path, session: InferenceSession) -> None:
    picture = decode_image(file.read_bytes())
    for mode, offset in (("centre", 0.5), ("fit", 0.5), ("move", 0.0), ("move", 1.0)):
        told = json.loads(run("classify", file, "--crop", mode, "--offset", offset, "--json"))
        assert told == [asdict(c) for c in session.classify(crop(picture, mode, offset=offset)).classes]


def test_deconvnet_projects_every_unit_as_the_session_does(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    units = ["conv5:17", "conv2:3@6,9"]
    run("deconvnet", file, *units, "--out", tmp_path, "--npz")
    told, held = result(tmp_path)["projections"], arrays(tmp_path)
    found = session.deconvnet(view, units)
    assert len(told) == len(held) == len(found)
    for entry, projection in zip(told, found, strict=True):
        assert entry["unit"] == str(projection.unit)
        assert entry["activation"] == projection.activation
        assert entry["box"] == list(projection.box)
        np.testing.assert_array_equal(held[entry["file"].removesuffix(".png")], projection.pixels)
    assert names(tmp_path) == {entry["file"] for entry in told} | {"result.json", "arrays.npz"}


def test_cam_maps_every_class_as_the_session_does(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    run("cam", file, "--classes", 281, 207, "--layer", "conv4", "--head", "gap", "--out", tmp_path, "--npz")
    told, held = result(tmp_path)["maps"], arrays(tmp_path)
    for entry, found in zip(told, session.class_activation(view, [281, 207], layer="conv4", head="gap"), strict=True):
        assert (entry["class"], entry["layer"], entry["head"]) == (found.class_index, "conv4", "gap")
        assert entry["maximum"] == float(found.values.max())
        np.testing.assert_array_equal(held[entry["file"].removesuffix(".png")], found.values)


def test_cam_makes_every_method_as_the_session_does(
    run: Run,
    file: Path,
    view: Image.Image,
    tmp_path: Path,
    *,
    session: InferenceSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zfnet.ablation.live", lambda trace, layer: [3, 17, 250])  # of 256: Score-CAM takes long
    options = ["--methods", *METHODS, "--head", "gap", "--centred", "--classes", 5]
    run("cam", file, *options, "--out", tmp_path, "--npz")
    told, held = result(tmp_path)["maps"], arrays(tmp_path)
    found = session.class_activation(view, [5], methods=list(METHODS), head="gap", centred=True)
    assert [entry["method"] for entry in told] == list(METHODS)
    for entry, one in zip(told, found, strict=True):
        np.testing.assert_array_equal(held[entry["file"].removesuffix(".png")], one.values)


@pytest.mark.parametrize("head", ["fc", "gap"])
def test_cam_without_classes_takes_the_most_probable(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession, head: str
) -> None:
    run("cam", file, "--head", head, "--out", tmp_path)
    (entry,) = result(tmp_path)["maps"]
    assert entry["class"] == session.classify(view, head=head).classes[0].index
    assert names(tmp_path) == {entry["file"], "result.json"}


@pytest.mark.parametrize("head", ["fc", "gap"])
def test_occlude_covers_as_the_session_does(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession, head: str
) -> None:
    square = Square(size=64, stride=70, fill="noise", seed=3)
    settings = ("--size", 64, "--stride", 70, "--fill", "noise", "--seed", 3, "--head", head)
    run("occlude", file, "--class", 281, *settings, "--out", tmp_path, "--npz")
    told, held = result(tmp_path), arrays(tmp_path)
    found = session.occlusion(view, 281, square=square, head=head)
    assert (told["class"], told["head"], told["unit"]) == (281, head, str(found.unit))
    assert told["square"] == asdict(square)
    assert told["offsets"] == [0, 70, 140, 160]
    assert tuple(told["whole"].values()) == found.whole
    assert told["lowest"] == {"probability": float(found.probability.min()), "box": list(found.box(*found.lowest))}
    assert [(label["class"], label["places"]) for label in told["labels"]] == list(found.labels)
    assert told["labels"][0]["name"] == session.info.labels.name(found.whole[2])
    assert set(told["files"].values()) | {"result.json", "arrays.npz"} == names(tmp_path)
    assert set(held) == {"probability", "activation", "label"}
    for name, array in held.items():
        np.testing.assert_array_equal(array, getattr(found, name))


def test_occlude_without_a_class_takes_the_most_probable(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    run("occlude", file, "--size", 96, "--stride", 128, "--out", tmp_path)
    told = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert told["class"] == told["whole"]["label"] == session.classify(view).classes[0].index
    assert not (tmp_path / "arrays.npz").exists()


def test_maximize_makes_what_the_session_makes(run: Run, tmp_path: Path, session: InferenceSession) -> None:
    units, settings = ["conv1:3", "conv5:17", "fc8:281"], MaximizationSettings(steps=2, size=64, seed=5)
    run("maximize", *units, "--steps", 2, "--size", 64, "--seed", 5, "--out", tmp_path, "--npz")
    told, held = result(tmp_path)["maximizations"], arrays(tmp_path)
    for entry, made in zip(told, session.maximize(units, settings), strict=True):
        assert entry["unit"] == str(made.unit)
        assert entry["settings"] == asdict(settings)
        assert entry["curve"] == pytest.approx(made.curve.tolist(), abs=1e-4)
        np.testing.assert_array_equal(held[entry["file"].removesuffix(".png")], made.image)


@pytest.fixture
def galleries(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Unit], MaximizationSettings, Path]]:
    """What galleries were asked for, without making them."""
    asked: list[tuple[list[Unit], MaximizationSettings, Path]] = []
    monkeypatch.setattr(
        commands, "make_gallery", lambda session, units, settings, out, progress: asked.append((units, settings, out))
    )
    return asked


def test_gallery_makes_what_belongs_in_it_layer_by_layer(
    run: Run,
    galleries: list[tuple[list[Unit], MaximizationSettings, Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    session: InferenceSession,
) -> None:
    said = run("gallery")
    assert [line.split(":")[0] for line in said.splitlines()] == list(GALLERY_LAYERS)
    views = sample_views()
    assert galleries == [
        (gallery_units(session, views, layer), gallery_settings(layer), EMBEDDED_GALLERY) for layer in GALLERY_LAYERS
    ]
    galleries.clear()
    monkeypatch.setenv("ZFNET_GALLERY", str(tmp_path / "own"))
    run("gallery", "--layer", "fc8", "conv4", "--steps", 3)
    run("gallery", "--layer", "conv2", "--every")
    run("gallery", "--layer", "conv2", "--every", "--out", tmp_path)
    assert [(units[0].layer, len(units), settings.steps, out) for units, settings, out in galleries[1:]] == [
        ("conv4", 64, 3, tmp_path / "own"),
        ("conv2", 256, 256, tmp_path / "own"),
        ("conv2", 256, 256, tmp_path),
    ]
    assert {unit.layer for unit in galleries[0][0]} == {"fc8"}


def test_gallery_makes_units_and_says_how_far_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, session: InferenceSession
) -> None:
    units = [Unit("conv1", 3, (56, 56)), Unit("conv1", 5, (56, 56))]
    monkeypatch.setattr(commands, "gallery_units", lambda *_, every: units)
    said = run("gallery", "--layer", "conv1", "--steps", 2, "--out", tmp_path)
    assert said.splitlines() == ["conv1 1 of 2", "conv1 2 of 2", f"conv1: 2 in {tmp_path}"]
    assert [made.unit for made in read_gallery(session.info.checkpoint_id, tmp_path).values()] == units


def test_people_see_a_bar_grow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for done in (0.5, 32, 64):
        show_bar("conv5", done, 64)
    out, err = capsys.readouterr()
    assert out == ""
    bars = err.removesuffix("\n").split("\r")[1:]
    assert bars == [f"conv5 {'█' * n}{'░' * (32 - n)} {of} of 64" for n, of in ((0, 0), (16, 32), (32, 64))]


def test_deconvnet_projects_whole_maps(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    run("deconvnet", file, "conv3:5", "--whole-map", "--out", tmp_path, "--npz")
    (found,) = session.deconvnet(view, ["conv3:5"], whole_map=True)
    np.testing.assert_array_equal(arrays(tmp_path)["deconvnet-conv3-5"], found.pixels)


def test_deconvnet_projects_the_same_cell_with_permuted_weights(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    run("deconvnet", file, "conv5:17", "--randomise", "conv4", "--seed", 3, "--out", tmp_path, "--npz")
    (own,) = session.deconvnet(view, ["conv5:17"])
    shuffled = session.randomised("conv4", from_layer="conv5", seed=3)
    (other,) = shuffled.deconvnet(view, [own.unit], activation=own.activation)
    (entry,) = result(tmp_path)["projections"]
    assert (entry["unit"], entry["permuted"], entry["seed"]) == (str(own.unit), ["conv5", "conv4"], 3)
    assert -1 <= entry["correlation"] < 0.99
    (array,) = arrays(tmp_path).values()
    np.testing.assert_array_equal(array, other.pixels)


def test_a_folder_with_a_dot_in_its_name_is_none_the_worse(run: Run, file: Path, tmp_path: Path) -> None:
    (tmp_path / "old.txt").mkdir()
    for folder in (tmp_path / "run.2", tmp_path / "old.txt"):
        run("view", file, "--out", folder)
        assert names(folder) == {"view.png", "result.json"}


def test_view_frames_the_strongest_cell_of_a_unit(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    run("view", file, "--unit", "conv5:17", "--out", tmp_path, "--npz")
    (projection,) = session.deconvnet(view, ["conv5:17"])
    told, held = result(tmp_path), arrays(tmp_path)
    assert (told["unit"], told["box"]) == (str(projection.unit), list(projection.box))
    top, left, bottom, right = projection.box
    np.testing.assert_array_equal(held["patch"], np.asarray(view)[top:bottom, left:right])


def test_maps_and_descent_and_stride_say_what_they_wrote(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    def told(folder: str) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads((tmp_path / folder / "result.json").read_text("utf-8"))
        return parsed

    run("maps", file, "conv5:17", "conv4:3", "--out", tmp_path / "maps")
    assert [entry["unit"] for entry in told("maps")["maps"]] == ["conv5:17", "conv4:3"]
    run("descent", file, "conv5:17", "--out", tmp_path / "descent")
    found = session.descent(view, "conv5:17")
    assert (told("descent")["unit"], told("descent")["activation"]) == (str(found.unit), found.seed)
    stages = [(s.operation, s.layer, s.at) for s in found.stages]
    assert [(s["operation"], s["layer"], s["at"]) for s in told("descent")["stages"]] == stages
    run("stride", "--period", 5, "--orientation", 30, "--out", tmp_path / "stride")
    lab = session.stride_lab(grating(5, 30))
    assert told("stride")["unit"] == f"conv1:{lab.channel}"
    assert [(s["stride"], s["folded"]) for s in told("stride")["strides"]] == [
        (s.stride, s.folded) for s in lab.samplings
    ]


def test_full_colour_can_be_at_one_value_for_several_pictures(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    def shown(path: Path) -> np.ndarray:
        with Image.open(tmp_path / path) as picture:
            return np.asarray(picture)

    run("maps", file, "conv5:17", "--end", 40, "--out", tmp_path / "map")
    maps = session.feature_maps(view, "conv5").values
    assert result(tmp_path / "map")["maps"][0]["full_colour"] == 40
    levels = render.palette("viridis")[render.map_levels(maps[17], 40.0)]
    np.testing.assert_array_equal(shown(Path("map/conv5-17.png")), render.enlarge(levels, 672))

    run("maps", file, "conv5", "--count", 4, "--end", 40, "--columns", 4, "--out", tmp_path / "layer")
    ranked = session.feature_maps(view, "conv5").ranked()[:4]
    sheet = render.palette("viridis")[render.mosaic(render.map_levels(maps, 40.0)[ranked], 4, gap=0)]
    np.testing.assert_array_equal(shown(Path("layer/conv5.png")), render.enlarge(sheet, 672))

    run("deconvnet", file, "conv5:17", "--end", 0.5, "--out", tmp_path / "projection")
    (found,) = session.deconvnet(view, ["conv5:17"])
    (entry,) = result(tmp_path / "projection")["projections"]
    assert entry["full_colour"] == 0.5
    framed = render.draw_box(render.signed_pixels(found.pixels, 0.5), found.box)
    np.testing.assert_array_equal(shown(Path("projection") / entry["file"]), render.enlarge(framed, 672))

    run("cam", file, "--classes", 281, "--centred", "--end", 9, "--out", tmp_path / "class")
    (evidence,) = session.class_activation(view, [281], centred=True)
    field = receptive_field(session.info.config, "conv5")
    laid = drawing.evidence(np.asarray(view), evidence.values, field, opacity=0.6, end=9)
    np.testing.assert_array_equal(shown(Path("class/gradcam-281-conv5.png")), render.enlarge(laid, 672))

    run("cam", file, "--classes", 281, "--before-relu", "--end", 9, "--out", tmp_path / "signed")
    (evidence,) = session.class_activation(view, [281], rectified=False)
    signed = render.signed_heat(evidence.values, 9)
    np.testing.assert_array_equal(shown(Path("signed/gradcam-281-conv5.png")), render.enlarge(signed, 672))


def test_a_layer_of_the_gallery_is_drawn_on_one_sheet(run: Run, tmp_path: Path, session: InferenceSession) -> None:
    said = run("gallery", "--layer", "conv1", "--draw", tmp_path / "sheet.png")
    assert said.endswith(f"written to {tmp_path / 'sheet.png'}\n")
    made = read_gallery(session.info.checkpoint_id).values()
    with Image.open(tmp_path / "sheet.png") as sheet:
        drawn = drawing.gallery([one.pixels() for one in made if one.unit.layer == "conv1"])
        np.testing.assert_array_equal(np.asarray(sheet), drawn)


def test_pointing_counts_the_hits(
    run: Run, file: Path, view: Image.Image, tmp_path: Path, session: InferenceSession
) -> None:
    second = ROOT / "assets/samples/cathedral.jpg"
    said = run("pointing", file, second, "--centred", "--out", tmp_path)
    found = session.pointing(view, crop(decode_image(second.read_bytes())), centred=True)
    assert said.startswith(f"gradcam points to the pasted picture in {found.hits('gradcam')} of 4 quadrants")
    told = result(tmp_path)
    assert told["class"] == found.class_index
    assert [(t["quadrant"], t["hit"]) for t in told["trials"]] == [(t.quadrant, t.hit("gradcam")) for t in found.trials]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("explain {nothing} --out {out}", "nothing.png"),
        ("explain {folder} --out {out}", "folder"),
        ("explain {garbage} --out {out}", "not a picture of a known format"),
        ("explain {tiny} --out {out}", "8 x 8; each side needs at least 32"),
        ("explain {picture} --out {garbage} --steps 1", "garbage.bin"),
        ("explain {picture} --out {out} --unit conv5:300", "conv5 has 256 channels (0-255), got 300"),
        ("explain {picture} --out {out} --unit fc6:3", "got 'fc6'"),
        ("explain {picture} --out {out} --class 1000", "classes (0-999), got 1000"),
        ("explain {picture} --out {out} --steps 0", "steps goes from 1 to 4096, got 0"),
        ("explain {picture} --out {out} --crop move --offset 1.5", "got 1.5"),
        ("classify {garbage}", "not a picture of a known format"),
        ("classify {picture} --top 0", "got 0"),
        ("classify {picture} --checkpoint {nothing}", "there is no checkpoint at"),
        ("classify {picture} --checkpoint {weights}", "weights.safetensors is not a complete safetensors file"),
        ("classify {picture} --checkpoint {garbage}", "garbage.bin is not a complete safetensors file"),
        ("classify {picture} --device tpu", "there is no device 'tpu' here"),
        ("architecture --checkpoint {nothing} --json", "there is no checkpoint at"),
        ("deconvnet {picture} conv5:17 conv9:1 --out {out}", "got 'conv9'"),
        ("deconvnet {picture} conv5:17@14,0 --out {out}", "got row 14, column 0"),
        ("deconvnet {picture} conv2:3 --randomise conv5 --out {out}", "down to one of conv2, conv1, got 'conv5'"),
        ("cam {picture} --classes 281 -1 --out {out}", "got -1"),
        ("occlude {picture} --class 1000 --out {out}", "classes (0-999), got 1000"),
        ("occlude {picture} --size 224 --out {out}", "1 to 223 pixels a side, got 224"),
        ("occlude {picture} --stride 0 --out {out}", "at least 1 pixel, got 0"),
        ("maximize conv5:17 --steps 0 --out {out}", "steps goes from 1 to 4096, got 0"),
        ("maximize conv5:17 --size 47 --out {out}", "size goes from 48 to 512, got 47"),
        ("maximize conv5:17 --seed -1 --out {out}", "got -1"),
        ("maximize conv5:256 --steps 1 --out {out}", "got 256"),
        ("classify {nothing}", "there is no file"),
        ("classify {folder}", "; name a picture in it"),
        ("view {picture} --out {text}", "e.txt is named as a file, expected a "),
        ("maximize conv5:17 --out {text}", "leave .txt out"),
        ("gallery --out {text}", "leave .txt out"),
        ("architecture --draw {text}", "the drawing is a PNG file, got 'e.txt'"),
        ("view {picture} --unit fc6:3 --out {out}", "got 'fc6'"),
        ("filters --channels 96 --out {out}", "conv1 has 96 channels (0-95), got 96"),
        ("maps {picture} conv5 conv4:3 --out {out}", "one layer makes a sheet, got 2 names"),
        ("maps {picture} conv5 --first 256 --out {out}", "no channel of conv5 is left"),
        ("maps {picture} conv5:256 --out {out}", "conv5 has 256 channels (0-255), got 256"),
        (
            "saliency {picture} conv5:1 --method guided-gradcam --out {out}",
            "made of a class (fc8, gap), got conv5:1",
        ),
        ("saliency {picture} conv5:1 --centred --out {out}", "only a class's logit can be centred"),
        ("descent {picture} fc6:1 --out {out}", "got 'fc6'"),
        ("stride --out {out}", "looks at one picture or at one grating; name a file, or --period"),
        ("stride {picture} --period 5 --out {out}", "name a file, or --period"),
        ("stride {picture} --channel 96 --out {out}", "got 96"),
        ("cam {picture} --channels 0 --out {out}", "channels are counted from 1 on, got 0"),
        ("cam {picture} --channels 4 --methods layercam --out {out}", "leave --methods and --randomise out"),
        ("occlude {picture} --place 0 200 --out {out}", "a square of 32 pixels begins at 0 to 192, got [0, 200]"),
        ("pointing {picture} {nothing} --out {out}", "there is no file"),
        ("gallery --draw {out}", "a sheet shows one layer; name it by --layer"),
        ("gallery --layer conv1 --draw {text}", "the drawing is a PNG file, got 'e.txt'"),
        ("gallery --steps 0 --out {out}", "steps goes from 1 to 4096, got 0"),
        ("gallery --every", "the embedded gallery has no room for every unit; name a"),
    ],
)
def test_what_went_wrong_is_said_in_one_line(
    command: str, said: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {"picture": file, "out": tmp_path / "out", "nothing": tmp_path / "nothing.png", "folder": tmp_path}
    paths |= {"garbage": tmp_path / "garbage.bin", "weights": tmp_path / "weights.safetensors"}
    paths |= {"tiny": tmp_path / "tiny.png", "text": tmp_path / "e.txt"}
    paths["garbage"].write_bytes(b"garbage")
    paths["weights"].write_bytes(b"\x10\0\0\0\0\0\0\0garbage")
    Image.new("RGB", (8, 8)).save(paths["tiny"])
    said = said.replace("folder", tmp_path.name)
    assert main([part.format(**paths) for part in command.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zfnet: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert said in err
    assert not paths["out"].exists()
    assert not paths["text"].exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "the following arguments are required"),
        ("guess", "invalid choice: 'guess'"),
        ("deconvnet x.png --out y", "UNIT"),
        ("deconvnet x.png banana --out y", "a unit is written conv5:17 or conv5:17@6,9 (row, column), got 'banana'"),
        ("deconvnet x.png conv5:1 --whole-map --randomise conv4 --out y", "not allowed with argument"),
        ("cam x.png --methods magic --out y", "invalid choice: 'magic'"),
        ("cam x.png --layer fc6 --out y", "invalid choice: 'fc6'"),
        ("occlude x.png --fill black --out y", "invalid choice: 'black'"),
        ("maximize conv5:1", "--out"),
        ("architecture --geometry vgg", "invalid choice: 'vgg'"),
        ("architecture --json --csv", "not allowed with argument"),
        ("maximize conv5:1 --steps many --out y", "invalid int value: 'many'"),
        ("maximize conv5:1 --set speed=3 --out y", "the settings are steps, size,"),
        ("maximize conv5:1 --set jitter=far --out y", "jitter is a number such as 8.0, got 'far'"),
        ("maximize conv5:1 --set negative=maybe --out y", "negative is True or False, got 'maybe'"),
        ("maps x.png banana --out y", "got 'banana'"),
        ("saliency x.png conv5:1 --method magic --out y", "invalid choice: 'magic'"),
        ("deconvnet x.png conv5:1 --whole-map --overwriting --out y", "not allowed with argument"),
        ("maps x.png conv5:1 --scale layer --end 2 --out y", "not allowed with argument"),
        ("cam x.png --one-scale --end 2 --out y", "not allowed with argument"),
        ("deconvnet x.png conv5:1 --end 0 --out y", "colours end at a number above zero, such as 2.5, got '0'"),
        ("maps x.png conv5 --end bright --out y", "colours end at a number above zero, such as 2.5, got 'bright'"),
    ],
)
def test_a_command_that_cannot_be_read_is_answered_with_its_usage(
    command: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(command.split())
    assert left.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: python -m zfnet")
    assert said in err.splitlines()[-1]


def test_it_runs_as_a_module(file: Path, tmp_path: Path, view: Image.Image, session: InferenceSession) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "zfnet", *arguments, "--device", "cpu"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)

    good = call("classify", str(file), "--json")
    assert (good.returncode, good.stderr) == (0, "")
    assert [c["index"] for c in json.loads(good.stdout)] == [c.index for c in session.classify(view).classes]
    bad = call("classify", str(tmp_path / "nothing.png"))
    assert (bad.returncode, bad.stdout) == (2, "")
    assert len(bad.stderr.splitlines()) == 1
