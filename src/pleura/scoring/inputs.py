"""The inputs of `evaluate`, and how they are matched before they are scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.progress import Progress
from pleura.labels.mappings import Naming, naming_of
from pleura.metrics.policy import Policy
from pleura.scoring.batch import Evaluation, methods_of, score_methods
from pleura.scoring.pairing import find_references, pair_masks
from pleura.scoring.people import people_of, show_names
from pleura.store.run_record import RunRecord
from pleura.store.spread import How

Masks = tuple[Path, str, str]
"""A folder of masks, the option that says what their labels mean, and a name for tables."""


@dataclass(frozen=True)
class Inputs:
    """What is scored. `folders`, `namings` and `names` go by `mask`, `reference` and `against`."""

    folders: Mapping[str, Path]
    namings: Mapping[str, Naming]
    names: Mapping[str, str]
    patients: Path | None
    grid: Path | None

    @classmethod
    def of(
        cls,
        *,
        pred: Masks,
        ref: Masks,
        against: Masks | None,
        patients: Path | None,
        grid: Path | None,
    ) -> "Inputs":
        """Read what labels mean.

        Raises:
            UsageError: a mapping is not valid.
        """
        given = {"mask": pred, "reference": ref}
        if against is not None:
            given["against"] = against
        folders = {side: folder for side, (folder, _, _) in given.items()}
        namings = {side: naming_of(option, folder) for side, (folder, option, _) in given.items()}
        names = {side: name for side, (_, _, name) in given.items()}
        return cls(folders, namings, names, patients, grid)

    @property
    def paths(self) -> list[Path]:
        """Every file or folder that is read."""
        more = [path for path in (self.patients, self.grid) if path is not None]
        return [*self.folders.values(), *more]


def score_inputs(
    run: RunRecord, inputs: Inputs, options: Mapping[str, Any], how: How, progress: Progress
) -> dict[str, Any]:
    """Match masks with references, score them, and close the record of OUT.

    Args:
        run: the open record of OUT.
        inputs: masks, references, and what is known of the cases.
        options: `empty`, `split`, `resample` and `paths`, as `evaluate` has them.
        how: processes and threads.
        progress: called as cases are scored.

    Returns:
        The content of `scores.json`.
    """
    out, folders = run.folder, inputs.folders
    references = find_references(
        folders["reference"], folders["mask"], inputs.grid, options["split"]
    )
    sides = [side for side in ("mask", "against") if side in folders]
    pairings = {side: pair_masks(folders[side], references) for side in sides}
    keep = options["paths"]
    displayed = show_names(references, list(pairings.values()), out, keep=keep)
    cases = list(pairings["mask"].masks)
    people = people_of(inputs.patients, cases, displayed, out, keep=keep)
    policy = Policy(options["empty"])
    naming = inputs.namings["reference"]
    evaluation = Evaluation(references, naming, policy, options["resample"], displayed)
    masks = {side: (folders[side], inputs.names[side]) for side in sides}
    methods = methods_of(masks, out, pairings, inputs.namings)
    return score_methods(run, evaluation, methods, people, how, progress)
