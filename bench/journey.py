"""The full pipeline on the four real chests, timed: `python bench/journey.py DATA/chests WORK
[preset] [options of run]`.

Prints Markdown for docs/evidence.md: scores of the network alone and cleaned, seconds a stage, peak
memory.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path


def main() -> None:
    data, work, *options = sys.argv[1:] or ["data/chests", "out/journey"]
    if not Path(data).is_dir():
        print(f"skipped: {data} is not there; name the folder with the chests")
        return
    command = [sys.executable, "-m", "pleura", "run", data, work, "--quiet", *options]
    code = subprocess.run(command, check=False).returncode
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    stages = json.loads((Path(work) / ".pleura" / "seconds.json").read_text())
    total = sum(stages.values())  # over interruptions too
    words = " ".join(["DATA/chests", "OUT", *options])
    print(
        f"\n`pleura run {words}`: exit code {code}, {total / 60:.1f} min, {peak:.1f} GB at most\n"
    )
    print("| stage | seconds |\n|---|---|")
    for stage, seconds in stages.items():
        print(f"| {stage} | {seconds:.0f} |")
    for folder in sorted((Path(work) / "results").iterdir()):
        scores(folder.name, json.loads((folder / "scores.json").read_text()))


def scores(loss: str, told: dict) -> None:
    print(f"\n**{loss}**; in brackets the network alone, before cleaning\n")
    columns = (
        "case",
        "part",
        "Dice",
        "right",
        "left",
        "accuracy",
        "MSD mm",
        "HD95 mm",
        "hallucinated",
        "missed",
    )
    columns += ("off body ml", "couch ml")
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for case in told["cases"]:
        raw, both = case["raw"], case["both"]
        pairs = (
            (f"{case[side]['dice']:.4f}" for side in ("right", "left")),
            (
                f"{case['accuracy']:.4f} ({raw['accuracy']:.4f})",
                f"{both['msd_mm']:.2f}",
                f"{both['hd95_mm']:.1f}",
            ),
            (
                f"{case['slices'][kind]} ({raw['slices'][kind]})"
                for kind in ("hallucinated", "missed")
            ),
            (
                f"{both[name]:.1f} ({raw['both'][name]:.1f})"
                for name in ("false_positive_outside_body_ml", "false_positive_couch_ml")
            ),
        )
        cells = [
            case["case"],
            case["split"],
            f"{case['dice']:.4f} ({raw['dice']:.4f})",
            *(cell for pair in pairs for cell in pair),
        ]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
