"""The stages of `pleura run`, in their order. Each one is a verb on a folder below OUT."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pleura.core.atomic import atomic_file, read_json, remove
from pleura.core.errors import Exit, NothingUsable
from pleura.core.faults import noted
from pleura.core.progress import Progress
from pleura.core.results import Result, gone_notes
from pleura.core.text import joined
from pleura.store import layout
from pleura.store.input_files import account_line
from pleura.store.run_record import Check, RunRecord

UNTRAINED = "lungs"
"""Name of the masks where nothing could be trained: those of the network that comes with pleura."""

UNREAD = "run: a file could not be read just now; run the same command again to read it"


class Stages:
    """Runs the stages; `done` has the folder below OUT of each stage that wrote one."""

    def __init__(
        self, whole: RunRecord, source: Path, check: Check, workers: int, progress: Progress
    ) -> None:
        self.whole, self.source, self.out = whole, source, whole.folder
        self.check, self.workers, self.progress = check, workers, progress
        self.done: list[str] = []
        self.notes: list[str] = []
        self.worst = Exit.OK
        self.input: Mapping[str, Any] | None = None

    @contextmanager
    def stage(self, name: str, folder: str = "") -> Iterator[Path]:
        """Time a stage; seconds add up over interruptions. Yields the stage's folder."""
        begun = time.monotonic()
        yield self.out / folder
        self.whole.note_seconds(name, time.monotonic() - begun)
        if folder:
            self.done.append(folder)

    def take(self, result: Result, account: Sequence[str] = ()) -> None:
        """Keep the exit code and the refusals of a stage.

        Its last note says where the output is, and the lines of `account` what became of the files
        that it read; the run says both once, at its end.
        """
        if result.exit_code is not Exit.OK:
            self.notes += [line for line in list(result.notes())[:-1] if line not in account]
            self.worst = Exit.SOME_FAILED

    def to_cohort(
        self, masks: Path | None, profile: Any, gaps: Any, parts: Mapping[str, Any]
    ) -> None:
        """Scan, de-identify, prepare."""
        from pleura.deid.key_and_map import read_map
        from pleura.dicom.series import survey
        from pleura.labels.source_names import names_of_cases, patient_ids
        from pleura.preparing.original import Original
        from pleura.verbs.deidentify import deidentify
        from pleura.verbs.prepare import prepare
        from pleura.verbs.scan import scan

        faults_before = noted()
        with self.stage("scan"):
            seen = scan(self.source, gaps=gaps, workers=self.workers, progress=self.progress)
            if seen.exit_code is Exit.NOTHING_USABLE:
                raise NothingUsable(joined(list(seen.notes())[:5]))
            self.take(seen)
        with self.stage("deidentify", layout.DEIDENTIFIED_STAGE) as clean:
            names = ["map", "audit", *(["key"] if profile == "basic" else [])]
            places: dict[str, Any] = {
                name: layout.beside(self.out, layout.BESIDE[name]) for name in names
            }
            common: Any = {"workers": self.workers, "progress": self.progress}
            cleaned: Any = deidentify(self.source, clean, profile=profile, **places, **common)
            self.take(cleaned, [cleaned.accounting.sentence()])
            gone = gone_notes(read_json(clean / layout.RUN)["gone"])
            self.notes += [line for line in gone if line not in self.notes]
        with self.stage("prepare", layout.COHORT_STAGE) as cohort:
            persons = read_map(places["map"])
            tree = survey(self.source, progress=self.progress)
            known = names_of_cases(tree.series, self.source, persons)
            patients = patient_ids(persons, known)
            original = Original(tree.walk, cleaned.accounting, patients, faults_before)
            common = {"verify_done": self.check, "progress": self.progress}
            made: Any = prepare(
                clean,
                cohort,
                masks=masks,
                gaps=gaps,
                **parts,
                names=known,
                original=original,
                **common,
            )
            self.take(made, account_line("prepare", made.input))
            if noted() != faults_before:
                self.notes.append(UNREAD)
                self.worst = Exit.SOME_FAILED
            self.input = made.input
        self._drop_outdated_stages(cohort)

    def _drop_outdated_stages(self, cohort: Path) -> None:
        """Remove models, masks and scores of a cohort that had other cases or another split."""
        digest = hashlib.sha256(
            (cohort / layout.COHORT).read_bytes() + (cohort / layout.SPLIT).read_bytes()
        ).hexdigest()
        if self.whole.kept("cohort", digest) is None:
            for folder in (layout.MODELS_STAGE, layout.MASKS_STAGE, layout.RESULTS_STAGE):
                remove(self.out / folder)
            self.whole.keep("cohort", digest, {"sha256": digest})

    def to_models(self, recipe: Mapping[str, Any], device: Any, seed: int) -> tuple[str, ...]:
        """Train where there is a mask to train from; return the trained losses.

        Without a mask the only name is `UNTRAINED`.
        """
        cohort = self.out / layout.COHORT_STAGE
        if not read_json(cohort / layout.SPLIT)["train"]:
            self.notes.append(
                "run: no case has a mask, so nothing was trained or scored; masks are by the "
                "network of pleura"
            )
            return (UNTRAINED,)
        from pleura.verbs.train import train

        with self.stage("train", layout.MODELS_STAGE) as models:
            common: Any = {"seed": seed, "progress": self.progress}
            result = train(cohort, models, **recipe, device=device, **common)
        return tuple(result.models)

    def to_scores(self, names: Sequence[str], threshold: float | None, device: str) -> None:
        """Segment every case, and evaluate what has a reference."""
        from pleura.verbs.evaluate import evaluate
        from pleura.verbs.segment import segment

        cohort = self.out / layout.COHORT_STAGE
        common: Any = {"verify_done": self.check, "progress": self.progress}
        for name in names:
            model = None if name == UNTRAINED else self.out / layout.MODELS_STAGE / name
            chosen: Any = "cuda" if device == "cuda" else "cpu"
            options: Any = {} if model is None else {"threshold": threshold, "device": chosen}
            with self.stage(f"segment {name}", f"{layout.MASKS_STAGE}/{name}") as masks:
                self.take(segment(cohort, masks, model=model, **options, **common))
            if model is not None:
                with self.stage(f"evaluate {name}", f"{layout.RESULTS_STAGE}/{name}") as results:
                    scored: Any = evaluate(masks, cohort, results, workers=self.workers, **common)
                    self.take(scored, account_line("evaluate", scored.input))

    def to_report(self) -> None:
        """Draw the page of all models in OUT, and put the scores of the primary one at the top."""
        from pleura.verbs.report import report

        with self.stage("report"):
            self.take(report(self.out, progress=self.progress))
        scored = [
            path.parent for path in (self.out / layout.RESULTS_STAGE).glob(f"*/{layout.SCORES}")
        ]
        primary = layout.primary_model(path.name for path in scored)
        if primary is None:
            return
        for file in (layout.SCORES, layout.SCORES_CSV):
            with atomic_file(self.out / file) as part:
                part.write_bytes((self.out / layout.RESULTS_STAGE / primary / file).read_bytes())
