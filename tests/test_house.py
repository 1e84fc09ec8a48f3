"""The house rules that a machine can check: which room may import what, and what the front door promises."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import zfnet

ROOT = Path(__file__).resolve().parent.parent
BACKEND = sorted((ROOT / "zfnet").rglob("*.py"))
INTERFACE = sorted([*ROOT.glob("app.py"), *(ROOT / "pages").rglob("*.py")])


def imports(path: Path) -> set[str]:
    """Return the packages that a file imports anywhere in it, by the first part of their names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
        ):
            found |= {str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)}
    return {name.split(".")[0] for name in found}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_backend_is_where_it_is_looked_for() -> None:
    assert {"zfnet/__init__.py", "zfnet/model.py", "zfnet/session.py", "zfnet/render.py"} <= {
        name(path) for path in BACKEND
    }


@pytest.mark.parametrize("path", BACKEND, ids=name)
def test_the_backend_imports_no_user_interface(path: Path) -> None:
    assert not imports(path) & {"streamlit", "plotly", "pages", "app"}


@pytest.mark.parametrize("path", INTERFACE, ids=name)
def test_the_user_interface_leaves_tensors_to_the_backend(path: Path) -> None:
    assert not imports(path) & {"torch", "torchvision", "safetensors"}


def test_only_pictures_become_tensors_and_only_arrays_pictures() -> None:
    assert not imports(ROOT / "zfnet" / "render.py") & {"torch", "torchvision"}
    assert not imports(ROOT / "zfnet" / "geometry.py") & {"torch", "numpy", "PIL"}


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "sly.py"
    path.write_text(
        "from . import a\ndef f():\n    import torch.nn as n\n    from plotly.io import x\n    __import__('b')\n"
    )
    assert imports(path) == {"torch", "plotly", "b"}


def test_the_server_answers_before_pytorch_is_loaded() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import app, sys; print('torch' in sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.strip() == "False"


@pytest.mark.parametrize("public", zfnet.__all__)
def test_every_public_name_exists_and_is_explained(public: str) -> None:
    assert inspect.getdoc(getattr(zfnet, public))


def test_the_public_names_are_sorted_and_unique() -> None:
    assert zfnet.__all__ == sorted(set(zfnet.__all__))


@pytest.mark.parametrize("path", BACKEND, ids=name)
def test_every_backend_file_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
def test_every_setting_stands_in_one_table(readme: str) -> None:
    used = {
        setting
        for path in [*BACKEND, *INTERFACE]
        for setting in re.findall(r"\bZFNET_[A-Z]+(?:_[A-Z]+)*\b", path.read_text(encoding="utf-8"))
    }
    rows = re.findall(r"^\| `(ZFNET_\w+)` \|", (ROOT / readme).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(used)
