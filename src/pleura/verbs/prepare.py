"""`pleura prepare`: CT series and lung masks become cases, and cases a cohort."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pleura.core.atomic import atomic_file, atomic_folder, read_json
from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.core.findings import Finding, worst
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit, gone_notes
from pleura.store.call import Call
from pleura.store.case import write_case
from pleura.store.cohort import write_cohort
from pleura.store.items import Done, do_items
from pleura.store.job_files import JobFormat
from pleura.store.jobs import series_input
from pleura.store.layout import CASES, COHORT, EXPORT, PLANES, REMOVED_COUCH, SPLIT
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.parts import Part
from pleura.store.run_record import fingerprint
from pleura.store.split import check_rule, make_split
from pleura.store.spread import How

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pleura.anatomy.anatomy import Anatomy
    from pleura.dicom.series import Series
    from pleura.geometry.volume import Volume
    from pleura.labels.references import Reference


@dataclass(frozen=True)
class PrepareResult:
    """A cohort: `about` is `cohort.json`, `split` is `split.json`; `failures` are refused cases
    and masks, one line each.
    """

    out: Path
    about: Mapping[str, Any]
    split: Mapping[str, Any]
    failures: tuple[str, ...]
    gone: tuple[str, ...] = ()

    @property
    def exit_code(self) -> Exit:
        return batch_exit(len(self.about["cases"]), len(self.failures))

    def as_json(self) -> dict[str, Any]:
        """`cases`, `split` and `refused`."""
        return {
            "cases": self.about["cases"],
            "split": dict(self.split),
            "refused": list(self.failures),
        }

    def table(self) -> Table | None:
        """A row a case."""
        parts = {
            case: part
            for part in ("train", "validation", "test", "unlabelled")
            for case in self.split[part]
        }
        rows = tuple(
            (
                case["id"],
                str(case["slices"]),
                case["mask"] or "-",
                parts.get(case["id"], "-"),
                case["verdict"],
            )
            for case in self.about["cases"]
        )
        return (
            Table("Cohort", ("case", "slices", "mask", "part", "verdict"), rows) if rows else None
        )

    def notes(self) -> Sequence[str]:
        """Refusals, then how validation is done and where the cohort is."""
        made = len(self.about["cases"])
        last = f"prepare: {made} case(s) in {self.out}; validation is {self.split['validation_is']}"
        return [*self.failures, *gone_notes(self.gone), last]


def prepare(
    source: Path,
    out: Path,
    *,
    masks: Path | None = None,
    split: str = "order",
    seed: int = 0,
    export: Literal["none", "nifti", "npy"] = "none",
    gaps: Literal["refuse", "interpolate", "split"] = "refuse",
    couch: Literal["keep", "remove"] = "keep",
    workers: int = 1,
    scheduler: str = "",
    plan: bool = False,
    tasks: int = 0,
    task: str = "",
    retry: str = "",
    verify_done: Literal["size", "hash"] = "size",
    overwrite: bool = False,
    names: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> PrepareResult | PlanResult | ShareResult:
    """Make a cohort of cases: HU volumes, lung masks and a split.

    Every usable CT series becomes a case: volume, mask where there is one, and a three-plane view.
    Masks are files named by case, or RT structure sets and DICOM segmentations anywhere in IN,
    joined to their series by what they refer to (so the LCTSC collection is read as it is
    delivered). A mask must lie on its volume and on lung; several of one case must agree. The same
    command again finishes an interrupted run and does what is new in IN; the split is then made
    again.

    Args:
        source: Folder with CT series, de-identified ones in the ordinary run.
        out: Folder for the cohort.
        masks: Folder with masks by case, or with DICOM label objects; without it Segmentations/ and
            Labels/ of IN are looked through, and IN itself for label objects.
        split: Which cases test: order (the last third by case id), seeded, or kfold:K/I.
        seed: Draws the cases of a seeded split.
        export: Also write each volume to OUT/export as NIfTI or NPY.
        gaps: What becomes of a series with missing slices: refuse, interpolate (fill them from
            their neighbours, and report it), or split (a case for each run of slices).
        couch: keep, or remove what lies around the patient (couch, blankets, wires) and write air
            in its place.
        workers: Processes, each with a case of its own; 0 = one for each core.
        scheduler: Address of a Dask cluster whose workers do the cases, tcp://HOST:PORT or
            tls://HOST:PORT; they must see IN and OUT at the same paths.
        plan: Only plan the work for many tasks (a job array) in OUT/jobs.json, and print the lines
            that start them; the same command without --plan collects their results.
        tasks: With --plan, how many tasks; 0 = one for every 20 cases, 1000 at most.
        task: Do the share of one task of a plan: N, N/M (N from 0 to M - 1), or auto, which reads
            N from Slurm, PBS, Kubernetes or AWS Batch.
        retry: Do the cases again that failed with this code, which pleura status OUT lists.
        verify_done: How finished cases are checked before they are kept: size, or hash (reads every
            file).
        overwrite: Empty OUT first.
        names: In Python only: names of masks to case ids, where IN was renamed since the masks were
            named.

    Returns:
        The cohort and what was refused; of a plan or a task, counts.

    Raises:
        UsageError: an input does not exist, an option is wrong, or OUT has other content.
        NothingUsable: no series could be used.
        OutputFailed: OUT cannot be written.
    """
    part = Part.of(Call.of(prepare, locals()))
    source, out = part.shared(source, out)
    masks = part.shared(masks)[0] if masks is not None else None
    check_rule(split)
    if seed < 0:
        raise UsageError("prepare: --seed must not be negative")
    options = {"split": split, "seed": seed, "export": export, "gaps": gaps, "couch": couch}
    sources = [source, *([masks] if masks else [])]
    with part.open_run(
        out,
        verb="prepare",
        sources=sources,
        options=options,
        overwrite=overwrite,
        check=verify_done,
    ) as run:
        if run.done:
            return _result(out, run.record)
        jobs, lines = part.jobs_and_facts(
            run, lambda: _jobs(source, masks, gaps, names, progress), _format()
        )
        if part.plan:
            return part.planned(run)
        batch = do_items(
            run,
            _Recipe(out, export, couch == "remove"),
            jobs,
            How(workers, scheduler=scheduler),
            _refused,
            progress=progress,
        )
        if part.is_task:
            return part.share_done(run, jobs, batch)
        entries = [record for record in batch.records if "refused" not in record]
        failures = [
            *(lines or ()),
            *(record["refused"] for record in batch.records if "refused" in record),
        ]
        if not entries:
            raise NothingUsable(
                "; ".join(failures) or "prepare: IN has no usable CT series; see pleura scan"
            )
        labelled = {entry["id"]: entry["slices"] for entry in entries if entry["mask"]}
        unlabelled = [entry["id"] for entry in entries if not entry["mask"]]
        parts = make_split(labelled, rule=split, seed=seed, unlabelled=unlabelled)
        verdicts = dict(Counter(entry["verdict"] for entry in entries))
        write_cohort(out, entries, parts, verdicts=verdicts, refused=len(failures))
        code = batch_exit(len(entries), len(failures))
        run.finish(
            code, complete=batch.complete, files=(COHORT, SPLIT), refused=failures, gone=batch.gone
        )
        return _result(out, run.record)


def _result(out: Path, record: Mapping[str, Any]) -> PrepareResult:
    return PrepareResult(
        out,
        read_json(out / COHORT),
        read_json(out / SPLIT),
        tuple(record["refused"]),
        tuple(record["gone"]),
    )


@dataclass(frozen=True)
class PrepareJob:
    """A series, and where its reference mask comes from."""

    id: str
    input: str
    series: "Series"
    reference: "Reference"


def _format() -> JobFormat:
    from pleura.labels.mappings import Naming
    from pleura.labels.objects import LabelObject
    from pleura.labels.references import Reference
    from pleura.labels.registry import MaskFiles

    return JobFormat((PrepareJob, Reference, MaskFiles, LabelObject, Naming))


def _jobs(
    source: Path, masks: Path | None, gaps: Any, names: Mapping[str, str] | None, progress: Progress
) -> tuple[list[PrepareJob], list[str]]:
    """The cases to make, and a line about each series and mask that cannot be used."""
    from pleura.labels.references import cases_of, find_references
    from pleura.store.volume_files import series_in

    seen = series_in(source, gaps=gaps, progress=progress)
    usable, refusals = cases_of([one for one in seen if one.is_ct or one.id == "unreadable"])
    references = find_references(
        seen, usable, source, masks, mentioned=frozenset(refusals), names=names, progress=progress
    )
    jobs = []
    for one in usable:
        reference = references.of(one)
        digest = fingerprint(reference.paths, series_input(one, source))["sha256"]
        jobs.append(PrepareJob(one.id, digest, one, reference))
    return jobs, [
        *(_line(case, refusal) for case, refusal in refusals.items()),
        *references.unmatched,
    ]


@dataclass(frozen=True)
class _Recipe:
    out: Path
    export: str
    couch: bool

    def open(self) -> Callable[[PrepareJob], Done]:
        return partial(_case, self)


def _case(recipe: _Recipe, job: PrepareJob) -> Done:
    """Write one case; return its entry of `cohort.json`."""
    from pleura.page.planes import planes_png
    from pleura.quality.gate import VERSION, gate

    series = job.series
    judged = gate(series.read(), detail="full" if recipe.couch else "sample").require_usable()
    volume, values = judged.volume, judged.findings
    mask, odd = job.reference.read(volume, series)
    removed = None
    if recipe.couch:
        volume, found, removed = _without_couch(judged.anatomy)
        values = (*values, *found)
    findings = [*series.findings, *values, *odd]
    facts = {
        "series_uid": series.series_uid,
        "frame_uid": series.frame_uid,
        "verdict": worst(findings).word,
    }
    listed = [finding.as_json() for finding in findings]
    folder = recipe.out / CASES / job.id
    exported = _export(recipe.out, job.id, volume, recipe.export)
    with atomic_folder(folder) as part:
        write_case(
            part,
            job.id,
            volume,
            mask,
            findings=listed,
            header=dict(series.header),
            gate=VERSION,
            **facts,
        )
        if removed is not None:
            np.save(part / REMOVED_COUCH, np.packbits(removed), allow_pickle=False)
        planes_png(volume, None if mask is None else mask.labels, part / PLANES)
    files = [f"{CASES}/{job.id}/{path.name}" for path in sorted(folder.iterdir())]
    kind = None if mask is None else "right and left" if mask.sided else "both as one"
    entry = {
        "id": job.id,
        "slices": volume.grid.shape[0],
        "mask": kind,
        "verdict": facts["verdict"],
    }
    return Done(entry, (*files, *exported))


def _refused(job: PrepareJob, refusal: Finding) -> dict[str, str]:
    return {"refused": _line(job.id, refusal)}


def _line(case: str, refusal: Finding) -> str:
    message = refusal.message.removeprefix(f"{case}: ").removeprefix(f"{refusal.code}: ")
    return f"{case}: {refusal.code}: {message}"


def _without_couch(anatomy: "Anatomy") -> tuple["Volume", tuple[Finding, ...], "NDArray[np.bool_]"]:
    """The volume without its couch, the findings about it, and what was removed, bool of the
    volume's shape.
    """
    from pleura.anatomy.couch import check_couch, couch_mask, without_couch

    volume, body = anatomy.volume, anatomy.body
    around = couch_mask(volume, body)
    return without_couch(volume, around), check_couch(volume, body, around), around


def _export(out: Path, case: str, volume: "Volume", kind: str) -> tuple[str, ...]:
    """Write the volume to OUT/export where that is asked for; return its name below OUT."""
    import numpy as np

    from pleura.images.nifti import write_volume

    if kind == "none":
        return ()
    name = f"{EXPORT}/{case}{'.nii.gz' if kind == 'nifti' else '.npy'}"
    with atomic_file(out / name) as part:
        if kind == "nifti":
            write_volume(part, volume)
        else:
            np.save(part, volume.hu, allow_pickle=False)
    return (name,)
