"""The inputs of `evaluate`, matched and then scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial, reduce
from operator import add
from pathlib import Path
from typing import Any

from pleura.core.progress import Progress
from pleura.dicom.series import survey
from pleura.labels.mappings import Naming, naming_of
from pleura.metrics.policy import Policy
from pleura.scoring.batch import Evaluation, methods_of, score_methods, score_share
from pleura.scoring.input_files import account
from pleura.scoring.pairing import find_references, pair_masks
from pleura.scoring.people import people_of, show_names
from pleura.scoring.result import EvaluateResult
from pleura.store.input_files import trees_of
from pleura.store.job_array import Part
from pleura.store.part_results import PlanResult, ShareResult
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
        """Read the meanings of labels.

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
        return [*self.folders_read, *([] if self.patients is None else [self.patients])]

    @property
    def folders_read(self) -> list[Path]:
        """The folders, or single files, of masks, CT and grids."""
        return [*self.folders.values(), *([] if self.grid is None else [self.grid])]


def score_inputs(
    part: Part,
    run: RunRecord,
    inputs: Inputs,
    options: Mapping[str, Any],
    how: How,
    progress: Progress,
) -> EvaluateResult | PlanResult | ShareResult:
    """Match masks with references, score them, and close the record of OUT; or plan that, or score
    one task's share.

    Args:
        part: how much of the work is done now.
        run: the open record of OUT.
        inputs: masks, references, and facts about the cases.
        options: `empty`, `split`, `resample` and `paths`, as `evaluate` has them.
        how: processes and threads.
        progress: called as cases are scored.

    Returns:
        The scores; of a plan or a task, counts.
    """
    out, folders = run.folder, inputs.folders
    surveyed = cache(partial(survey, progress=progress))
    references = find_references(
        folders["reference"], folders["mask"], inputs.grid, options["split"], surveyed
    )
    sides = [side for side in ("mask", "against") if side in folders]
    pairings = {side: pair_masks(folders[side], references, surveyed) for side in sides}
    keep = options["paths"]
    displayed = show_names(references, list(pairings.values()), out, keep=keep)
    cases = list(pairings["mask"].masks)
    people = people_of(inputs.patients, cases, displayed, out, keep=keep)
    policy = Policy(options["empty"])
    naming = inputs.namings["reference"]
    evaluation = Evaluation(references, naming, policy, options["resample"], displayed)
    masks = {side: (folders[side], inputs.names[side]) for side in sides}
    methods = methods_of(masks, out, pairings, inputs.namings)
    if part.plan:
        part.write_plan(run, {one.group: evaluation.jobs(one.pairing) for one in methods})
        return part.planned(run)
    if part.is_task:
        shares = [score_share(run, part, evaluation, one, how, progress) for one in methods]
        return reduce(add, shares)
    read = [*inputs.folders_read, *references.beside]
    trees = trees_of(read, surveyed)
    files = partial(account, trees, evaluation)
    scores = score_methods(run, evaluation, methods, people, files, how, progress)
    return EvaluateResult(out, scores, run.record["input"], unread=run.has_faults)
