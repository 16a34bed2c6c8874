"""What a study found, in plain sentences; that nothing was found is a finding too."""

from collections.abc import Iterator

from pleura.studying.analysis import Analysis, Comparison, Trend
from pleura.studying.design import ENDPOINTS, HIGHER_IS_BETTER, Design, Factor, level_text

SIGNIFICANT = 0.05


def conclusions(design: Design, analysis: Analysis) -> dict[str, list[str]]:
    """Heading to sentences: one heading for each factor, then what can be said at all."""
    found: dict[str, list[str]] = {}
    for number, factor in enumerate(design.factors):
        own = [arm for arm in design.arms() if arm.factor == number]
        lines = [
            _sentence(comparison, factor, arm.level, tested=analysis.tested)
            for arm in own
            if (comparison := analysis.of(arm.key, design.primary)) is not None
        ]
        lines += [
            _trend(one, len(analysis.patients)) for one in analysis.trends if one.factor == number
        ]
        lines += [
            f"Not run: {_level(factor, arm.level)}." for arm in own if not analysis.seeds[arm.key]
        ]
        found[heading(design, factor)] = lines
    found["What these numbers can and cannot say"] = list(_limits(design, analysis))
    return found


def heading(design: Design, factor: Factor) -> str:
    """A factor, with its budget where that is its own."""
    words = factor.words
    if words[0].isascii():
        words = words[0].upper() + words[1:]
    return words if factor.steps == design.baseline.steps else f"{words}, {factor.steps} steps"


def _level(factor: Factor, level: object) -> str:
    return f"{factor.words} {level_text(level)}"


def number(value: float, endpoint: str, *, sign: bool = False) -> str:
    """A value of an endpoint as it is printed."""
    digits = 4 if endpoint in HIGHER_IS_BETTER else 1
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    return text.replace("-", "−")


def _sentence(one: Comparison, factor: Factor, level: object, *, tested: bool) -> str:
    def form(value: float) -> str:
        return number(value, one.endpoint, sign=True)

    differences = list(one.differences.values())
    n = len(differences)
    start = f"{_level(factor, level)}: {ENDPOINTS[one.endpoint]} {form(one.mean)} on average"
    spread = f"{form(min(differences))} to {form(max(differences))}"
    counts = f"higher in {one.rises} and lower in {one.falls} of {n} patients ({spread})"
    return f"{start}, {counts}: {_judged(one, tested=tested)}."


def _judged(one: Comparison, *, tested: bool) -> str:
    word = "higher" if one.mean > 0 else "lower"
    if not tested:
        return f"{word} in all of them" if one.same_direction else "no consistent difference"
    if one.p is None or one.adjusted_p is None:
        return "no patient differs"
    p = f"p = {one.p:.3g}, {one.adjusted_p:.3g} after Holm's adjustment"
    return f"{word}, {p}" if one.adjusted_p < SIGNIFICANT else f"no difference shown, {p}"


def _trend(one: Trend, n: int) -> str:
    rises = sum(value > 0 for value in one.tau.values())
    falls = sum(value < 0 for value in one.tau.values())
    tau = ", ".join(f"{value:+.2f}".replace("-", "−") for value in one.tau.values())
    levels = ", ".join(f"{level:g}" for level in one.levels)
    text = f"Trend over {levels}: rising in {rises} and falling in {falls} of {n} patients"
    text += f" (Kendall's τ {tau})"
    if one.adjusted_p is None:
        return f"{text}."
    judged = "a monotone trend" if one.adjusted_p < SIGNIFICANT else "no monotone trend shown"
    return f"{text}: {judged}, p = {one.p:.3g}, {one.adjusted_p:.3g} after Holm's adjustment."


def _limits(design: Design, analysis: Analysis) -> Iterator[str]:
    n = len(analysis.patients)
    primary = [one for one in analysis.comparisons if one.endpoint == design.primary]
    if not primary:
        yield "No arm can be compared yet: the runs of the baseline, or of every arm, are missing."
        return
    if not analysis.tested:
        least = 2 / 2**n
        alike = sum(one.same_direction for one in primary)
        yield (
            f"With {n} patients no two-sided signed-rank test can give p below {least:.3g}, so "
            "none is made: every patient's difference is shown instead."
        )
        yield (
            f"{alike} of {len(primary)} comparisons go in one direction in all {n} patients. If "
            f"no arm made any difference, about {len(primary) * least:.1f} would do so by chance."
        )
        yield (
            f"The bootstrap intervals are of {n} patients and too narrow; an interval without 0 is "
            "no evidence by itself."
        )
    else:
        yield (
            f"The family for Holm's adjustment has {len(primary) + len(analysis.trends)} tests, "
            "declared before the runs. Other endpoints are described, not tested."
        )
    counts = {len(one.seeds) for one in primary}
    if len(counts) > 1 or counts != {len(design.seeds)}:
        least, most = min(counts), max(counts)
        over = str(most) if least == most else f"{least} to {most}"
        yield (
            f"Runs are missing: comparisons are over {over} of the {len(design.seeds)} declared "
            "seeds."
        )
    if counts == {1}:
        yield (
            "One seed was run: a difference may be that of one initialisation and slice order, "
            "which would be another with another seed."
        )
    diverged = sum(analysis.diverged.values())
    yield (
        f"{diverged} of {sum(analysis.runs.values())} runs diverged; each counts as the opposite "
        "of the reference, Dice 0."
    )
    yield (
        f"Every run has {design.baseline.steps} steps (or its factor's own budget) on "
        f"{design.baseline.size} × {design.baseline.size} pixels and is the network alone. Longer "
        "training or finer pixels can order the arms in another way."
    )
