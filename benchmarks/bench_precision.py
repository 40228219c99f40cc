"""Whether a lower precision trains as float32 does: the losses of the same steps in both, side by side.

``python benchmarks/bench_precision.py --pairs PAIR_SET [--device cuda] [--steps 40] [--precision bfloat16]``

A small BERT from scratch, by the trainer itself, from the same weights on the same batches with the same dropout. The
table and the JSON hold both losses of every step and their largest relative difference.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import json
import platform
import tempfile

import torch
import transformers

from train.run import main as train

FLOAT32 = "float32"


def losses(args: argparse.Namespace, precision: str) -> list[float]:
    """The loss of each step."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"precision": precision, "batch": args.batch, "seed": args.seed, "checkpoint_every": 10**9}
        command = ["--data", args.pairs, "--recipe", "small-cpu", "--steps", str(args.steps), "--device", args.device]
        command += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        status = train([*command, "--output", f"{folder}/run", "--quiet"])
        if status:
            raise SystemExit(status)
        lines = Path(folder, "run", "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


def main() -> None:
    """Prints the losses and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", required=True, help="a pair set's folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="bfloat16", help="what is held against float32")
    parser.add_argument("--json", help="a file for everything that was found")
    args = parser.parse_args()
    found = {precision: losses(args, precision) for precision in (FLOAT32, args.precision)}
    pairs = list(zip(*found.values(), strict=True))
    largest = max(abs(low - high) / high for high, low in pairs)
    for step, (high, low) in enumerate(pairs):
        print(f"step {step:4}  {FLOAT32} {high:.5f}  {args.precision} {low:.5f}")
    print(f"largest relative difference {largest:.2e}")
    if args.json:
        versions = {module.__name__: module.__version__ for module in (torch, transformers)}
        machine = torch.cuda.get_device_name() if args.device.startswith("cuda") else platform.processor()
        about = {"command": sys.argv, "versions": versions, "machine": machine, "python": platform.python_version()}
        text = json.dumps(about | {"losses": found, "largest_relative_difference": largest}, indent=1)
        Path(args.json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
