"""Published lung scores, as printed in the cited source, beside ours; they are of other cases."""

from dataclasses import asdict, dataclass
from typing import Any

TABLE = (
    "Fu Y, Lei Y, Wang T, et al. Phys Med 2021;85:107-122, Table 7 (PMC8217246), "
    "doi:10.1016/j.ejmp.2021.05.003"
)
CHALLENGE = (
    "AAPM 2017 challenge (LCTSC): 36 training, 12 off-line and 12 on-line test cases of 3 "
    "institutions (Yang J, et al. Med Phys 2018;45:4568-4581, doi:10.1002/mp.13141); Dice, mean "
    "surface distance and 95 % Hausdorff distance per lung; which of the test cases, and how the "
    "distances join the two directions, the table does not say"
)
UNMARKED = (
    "the challenge's collection (LCTSC); the table does not mark it as a participant's own "
    "result, nor say which cases tested it"
)
OTHER_SPLIT = (
    "35 patients by its authors' abstract (Dong X, et al. Med Phys 2019;46:2157-2168, "
    "doi:10.1002/mp.13458), which the table counts to the challenge's collection: not the "
    "challenge's test cases"
)


@dataclass(frozen=True)
class Published:
    """Means and standard deviations over cases, as strings of the source; distances in mm."""

    method: str
    dice: tuple[str, str]
    msd_mm: tuple[str, str]
    hd95_mm: tuple[str, str]
    split: str
    source: str = TABLE

    def as_json(self) -> dict[str, Any]:
        """Plain values; each pair is `[left, right]`."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }


LCTSC = (
    Published(
        "DCNN, team Elekta",
        ("0.97±0.02",) * 2,
        ("0.74±0.31", "1.08±0.54"),
        ("2.9±1.32", "4.7±2.50"),
        CHALLENGE,
    ),
    Published(
        "3D U-Net, reference 265 there",
        ("0.97±0.02",) * 2,
        ("0.59±0.29", "0.93±0.57"),
        ("2.10±0.94", "3.96±2.85"),
        UNMARKED,
    ),
    Published(
        "Multi-class CNN, team Mirada",
        ("0.98±0.02", "0.97±0.02"),
        ("0.62±0.35", "0.91±0.52"),
        ("2.3±1.30", "3.7±2.08"),
        CHALLENGE,
    ),
    Published(
        "2D ResNet, team Beaumont",
        ("0.96±0.03", "0.95±0.05"),
        ("2.90±6.94", "2.70±4.84"),
        ("7.8±19.13", "14.5±34.4"),
        CHALLENGE,
    ),
    Published(
        "3D and 2D U-Net, team WUSTL",
        ("0.95±0.03", "0.96±0.02"),
        ("1.22±0.61", "1.13±0.49"),
        ("4.4±3.41", "4.1±2.11"),
        CHALLENGE,
    ),
    Published(
        "U-Net-GAN",
        ("0.97±0.01",) * 2,
        ("0.61±0.73", "0.65±0.53"),
        ("2.07±1.93", "2.50±3.34"),
        OTHER_SPLIT,
    ),
)
"""Left and right lung on LCTSC, read in Table 7 of the review. Contours there follow RTOG 1106 and
are smooth; masks that follow the air differ from them at the hilum and the rim, whichever tool made
them.
"""
