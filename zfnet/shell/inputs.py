"""What the commands read, the network and pictures, and how far a long one has come."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from zfnet import InferenceSession, InvalidImageError, crop, decode_image


def session(options: argparse.Namespace) -> InferenceSession:
    """Load the checkpoint that was asked for."""
    return InferenceSession.load(options.checkpoint, device=options.device)


def view(options: argparse.Namespace) -> Image.Image:
    """Open the picture and crop it as asked for."""
    return crop(opened(options.picture), options.crop, offset=options.offset)


def opened(path: Path) -> Image.Image:
    """Decode a picture file.

    Raises:
        OSError: when it cannot be read.
        InvalidImageError: when it is not an acceptable picture.
    """
    try:
        return decode_image(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}; name a picture, such as a JPEG, PNG or WebP") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a folder; name a picture in it") from None
    except PermissionError:
        raise PermissionError(f"{path} must not be read; allow it, or name another picture") from None


def views(folder: Path, skipped: dict[str, str]) -> Iterator[Image.Image]:
    """Yield the centre crop of every picture in a folder and below, one at a time; note why a file is skipped."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder, expected one with pictures")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for number, path in enumerate(files, 1):
        try:
            shown = crop(decode_image(path.read_bytes()))
        except InvalidImageError as error:
            skipped[str(path.relative_to(folder))] = error.reason.replace("_", " ")
            continue
        finally:
            count("file", number, len(files))
        yield shown
    if len(skipped) == len(files):
        raise FileNotFoundError(f"no file in {folder} is a picture (files: {len(files)}); choose another folder")


def counter(steps: int) -> Callable[[int, object], None]:
    """Return a progress line for the steps of a maximization."""
    return lambda step, pictures: count("step", step, steps)


def count(what: str, number: int, of: int) -> None:
    """Show a progress line to people; nothing where the output is not a terminal."""
    if sys.stderr.isatty():
        print(f"\r{what} {number} of {of}", end="\n" if number == of else "", file=sys.stderr, flush=True)
