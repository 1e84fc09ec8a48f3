"""Damage pictures and checkpoints by the thousand, and look whether anything but a refusal comes out.

    python -m tests.fuzz uploads --number 20000 --seed 1 --workers 2
    python -m tests.fuzz uploads --only 4711        # one case again, by its number

A fault is printed with its number, and its file is saved in the folder ``build/fuzz``; the exit code is then 1.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.campaign import KINDS, Campaign, merged, run

_NUMBERS = {"uploads": 20_000, "checkpoints": 5_000}


def main() -> int:
    """Return 1 where something other than a refusal came out."""
    asked = _arguments()
    whole = 0
    for what in KINDS if asked.what == "all" else (asked.what,):
        campaign = _campaign(what, asked)
        print(f"{what}, seed {asked.seed}:\n\n{campaign.table()}\n")
        for number, fault in sorted(campaign.faults.items()):
            print(f"FAULT no. {number}: {fault}")
        whole += len(campaign.faults)
    if whole:
        print(f"{whole} faults; their files are in {asked.folder}")
    return int(whole > 0)


def _campaign(what: str, asked: argparse.Namespace) -> Campaign:
    numbers = range(asked.number or _NUMBERS[what]) if asked.only is None else range(asked.only, asked.only + 1)
    shares = [numbers[start :: asked.workers] for start in range(asked.workers)]
    asked.folder.mkdir(parents=True, exist_ok=True)

    def part(share: range) -> Campaign:
        with tempfile.TemporaryDirectory() as scratch:
            campaign = run(what, share, seed=asked.seed, folder=Path(scratch))
            for file in Path(scratch).glob(f"{what}-*.bin"):
                (asked.folder / file.name).write_bytes(file.read_bytes())
            return campaign

    # Threads only wait: the work is done in processes.
    with ThreadPoolExecutor(asked.workers) as pool:
        return merged(pool.map(part, shares))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("all", *KINDS), default="all", nargs="?")
    parser.add_argument("--number", type=int, help="cases, by default 20000 uploads and 5000 checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="try this one case")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
