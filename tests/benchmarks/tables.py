"""Measurements as the cells of Markdown tables."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

Ways = dict[str, Callable[[], Any]]


def interleaved(
    subjects: Mapping[str, Mapping[str, Callable[[], Any]]], rounds: int, prepare: Callable[[], Any]
) -> dict[str, dict[str, list[float]]]:
    """Run everything in turn, round after round, and return the milliseconds of each."""
    times: dict[str, dict[str, list[float]]] = {name: {way: [] for way in ways} for name, ways in subjects.items()}
    for number in range(rounds + 1):
        for name, ways in subjects.items():
            for way, method in ways.items():
                prepare()
                taken = milliseconds(method)
                if number:  # the first round warms up
                    times[name][way].append(taken)
    return times


def milliseconds(method: Callable[[], Any]) -> float:
    """Return how long a call takes, until a GPU has done what it was told, too."""
    settle()
    begin = time.perf_counter()
    method()
    settle()
    return (time.perf_counter() - begin) * 1000


def settle() -> None:
    """Wait until a GPU that is in use has nothing left to do."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the largest deviation as a share of their peak."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def spread(values: list[float], unit: str, target: float = float("inf")) -> str:
    """Return median and quartiles, and the target where the median is above it."""
    digits = 0 if unit == "ms" and max(values) >= 10 else 1 if unit == "ms" else 2
    if len(values) < 2:
        return f"{values[0]:.{digits}f} {unit}"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    missed = f" (missed: {target:g} {unit})" if middle > target else ""
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f}–{high:.{digits}f}){missed}"


def table(heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [heading, tuple("---" for _ in heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
