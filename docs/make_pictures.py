"""The pictures of README and docs, from runs on the real chests: `python docs/make_pictures.py RUN
[RUN_OF_PRESET_REPORT]`.

Credit for what they show: docs/evidence.md.
"""

import shutil
import sys
from pathlib import Path

WANTED = {
    "fig-2.1-network.png": "network.png",
    "fig-2.2-loss.png": "loss.png",
    "fig-2.3-accuracy.png": "accuracy.png",
    "fig-2.7-test-bce_dice-dice-network.png": "slices-network.png",
    "fig-2.8-test-bce_dice-dice-cleaned.png": "slices-cleaned.png",
    "fig-2.10-examples.png": "examples.png",
    "fig-3.3-film.gif": "film.gif",
}

OF_REPORT = {"fig-2.2-loss.png": "report-loss.png", "fig-2.3-accuracy.png": "report-accuracy.png"}


def main() -> None:
    if len(sys.argv) not in (2, 3):
        print("skipped: name the folder that `pleura run DATA/chests RUN` wrote")
        return
    goal = Path(__file__).parent / "pictures"
    goal.mkdir(exist_ok=True)
    for name, short in WANTED.items():
        shutil.copy(Path(sys.argv[1]) / "figures" / name, goal / short)
    for name, short in OF_REPORT.items() if len(sys.argv) == 3 else ():
        shutil.copy(Path(sys.argv[2]) / "figures" / name, goal / short)


if __name__ == "__main__":
    main()
