"""The certificate of one `deidentify` run."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pleura.deid.choices import Choices
from pleura.deid.profile import profile
from pleura.publishing.certificate import Certificate, not_covered, option_words
from pleura.publishing.result import DeidentifyResult
from pleura.store.run_record import RunRecord


def certificate_of(
    result: DeidentifyResult, choices: Choices, options: Mapping[str, Any], run: RunRecord
) -> Certificate:
    """The certificate of a run, with the digest over names, sizes and times of the input."""
    codes = list(profile(choices).codes)
    if choices.blank:
        codes.append("113101")
    report = choices.profile == "report"
    written = sorted(digest for item in run.items.values() for _, digest in item.files.values())
    facts = {
        "files_written": result.files,
        "cases": len({unit["case"] for unit in result.units.values()}),
        "input": {
            **result.accounting.as_json(),
            "sha256_of_names_sizes_and_times": run.input.get("sha256", ""),
        },
        "output": {
            "files": len(written),
            "sha256": hashlib.sha256("".join(written).encode()).hexdigest(),
        },
        "choices": {name: _words(value) for name, value in options.items()},
    }
    return Certificate(
        title="De-identification of DICOM files",
        outcome=f"{result.files} files written, each verified before it was published; "
        f"{result.refused} refused",
        facts=facts,
        options=option_words(codes) or ["profile report (four rules)"],
        counts=dict(result.accounting.refused),
        not_covered=not_covered(report=report),
        command=_command(choices, options),
    )


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "none"
    return str(value)


def _command(choices: Choices, options: Mapping[str, Any]) -> str:
    """The command that does the same again, without file names, which can identify a patient."""
    parts = ["pleura deidentify IN OUT"]
    if choices.profile != "basic":
        parts.append(f"--profile {choices.profile}")
    else:
        parts += [
            f"--dates {choices.dates}",
            *(f"--retain {name}" for name in sorted(choices.retain)),
        ]
        parts += [f"--blank {','.join(map(str, box))}" for box in choices.blank]
        if options.get("crop_above_apex_mm") is not None:
            parts.append(f"--crop-above-apex {options['crop_above_apex_mm']}")
        parts.append("--key KEY")
    return " ".join([*parts, "--map MAP"])
