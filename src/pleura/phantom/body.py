"""The measures of one invented body, drawn from a seed, and the outline of its trunk by height."""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from pleura.core.errors import UsageError

APEX_MM = 110.0
"""Height over which the lungs close towards their apex."""


@dataclass(frozen=True)
class Body:
    """One body in mm and HU. The origin is the middle of the lungs' height; x rises to the left, y
    to the back, z upwards.

    The chest cavity is given, and the wall around it (ribs, muscle, fat, skin); the outline follows
    from both.
    """

    seed: int
    lung_height: float  # apex to the deepest recess
    cavity_width: float  # half, to the inside of the ribs
    cavity_depth: float  # half
    muscle: float
    fat: float
    dome_right: float  # tops of the diaphragm, as parts of the lungs' height from below
    dome_left: float
    heart: float  # scale
    lung_hu: float
    blood_hu: float  # 40 without contrast
    trachea_radius: float
    rib_pitch: float
    arms: Literal["up", "down"]
    couch: bool
    couch_thickness: float
    couch_hollow_hu: float
    kernel: Literal["soft", "sharp"]
    noise_hu: float  # standard deviation
    gas: int  # bubbles in the bowel
    padding_hu: int | None = None  # value outside the reconstruction circle; None: no circle

    @classmethod
    def sample(cls, seed: int, **variation: Any) -> "Body":
        """The body of `seed`; each keyword fixes the field of its name.

        Raises:
            UsageError: a keyword is not a measure of a body.
        """
        unknown = set(variation) - {f.name for f in fields(cls)} - {"seed"}
        if unknown:
            raise UsageError(
                f"a phantom has no {', '.join(sorted(unknown))}; its measures are the fields of "
                "phantom.body.Body"
            )
        rng = np.random.default_rng([seed, 1])

        def between(low: float, high: float) -> float:
            return float(rng.uniform(low, high))

        sharp = bool(rng.random() < 0.35)
        body = cls(
            seed=seed,
            lung_height=between(215, 260),
            cavity_width=between(118, 136),
            cavity_depth=between(74, 92),
            muscle=between(10, 20),
            fat=between(6, 28),
            dome_right=between(0.34, 0.42),
            dome_left=between(0.27, 0.33),
            heart=between(0.9, 1.12),
            lung_hu=between(-880, -800),
            blood_hu=between(130, 260) if rng.random() < 0.4 else between(35, 50),
            trachea_radius=between(7.5, 10.5),
            rib_pitch=between(27, 34),
            arms="down" if rng.random() < 0.35 else "up",
            couch=True,
            couch_thickness=between(32, 60),
            couch_hollow_hu=between(-985, -880),
            kernel="sharp" if sharp else "soft",
            noise_hu=between(28, 45) if sharp else between(9, 20),
            gas=int(rng.integers(3, 8)),
        )
        return replace(body, **variation)

    @property
    def top(self) -> float:
        """Height of the apex."""
        return self.lung_height / 2

    @property
    def bottom(self) -> float:
        """Height of the deepest recess of the lungs."""
        return -self.lung_height / 2

    @property
    def wall(self) -> float:
        """Thickness of the chest wall: ribs, muscle, fat, skin."""
        return 10.0 + self.muscle + self.fat + 2.0

    @property
    def back(self) -> float:
        """The height y at which the back lies flat on the couch."""
        return 0.94 * (self.cavity_depth + self.wall)

    @property
    def spine(self) -> float:
        """Where the middle of the vertebrae lies: the lungs reach back on both sides of them."""
        return self.cavity_depth - 17

    def cavity(self, z: float) -> tuple[float, float]:
        """Half width and half depth of the chest cavity at height `z`."""
        closing = float(np.clip((z - (self.top - APEX_MM)) / (APEX_MM + 15), 0, 1)) ** 2
        return self.cavity_width * (1 - 0.45 * closing), self.cavity_depth * (1 - 0.3 * closing)

    def outline(self, z: float) -> tuple[float, float]:
        """Half width and depth of the trunk at height `z`: neck, shoulders, a waist below."""
        width, depth = self.cavity_width + self.wall, self.cavity_depth + self.wall
        neck = smoothstep((z - self.top - 12) / 48)
        shoulder = smoothstep(1 - abs(z - self.top + 12) / 55)
        waist = 1 - 0.07 * smoothstep((-z - 50) / 110)
        width = (width * waist + 26 * shoulder) * (1 - neck) + 66 * neck
        depth = (depth * waist) * (1 - neck) + 68 * neck
        return width, depth

    def apex(self, z: float) -> float:
        """How wide open the lungs are at `z`: 1 below, falling to 0 at the apex and beyond."""
        t = (z - (self.top - APEX_MM)) / APEX_MM
        if t > 0:
            return float(np.sqrt(max(0.0, 1 - t * t)))
        return 1.0

    def dome(self, side: int, z: float) -> float:
        """Scale of the diaphragm's section at `z` (0 above its top), `side` -1 right and +1
        left; 1 at the lungs' lowest.
        """
        top = self.bottom + self.lung_height * (self.dome_right if side < 0 else self.dome_left)
        return float(np.sqrt(max(0.0, (top - z) / (top - self.bottom))))


def smoothstep(t: float) -> float:
    """0 below 0, 1 above 1, and smooth between."""
    t = min(1.0, max(0.0, t))
    return t * t * (3 - 2 * t)
