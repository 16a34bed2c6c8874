"""The check of each file before it is published, by the audit, which shares no code with `deid`."""

from pleura.audit.check import check_file
from pleura.audit.identifiers import harvest
from pleura.audit.search import Identifier
from pleura.core.faults import is_passing
from pleura.core.findings import Verdict
from pleura.deid.plan import Plan
from pleura.files.walk import read_file
from pleura.publishing.result import keyword_of


def sought(planned: Plan, case: str) -> frozenset[Identifier]:
    """Identifiers of a patient, from one object of each series, for the audit to search for."""
    headers = planned.headers(case)
    one_each = {header.get("SeriesInstanceUID"): header.file for header in headers}
    found: frozenset[Identifier] = frozenset()
    for file in one_each.values():
        try:
            found |= harvest(read_file(file))
        except OSError as error:
            if is_passing(error):  # identifiers that are missing here would not be searched for
                raise
    return found


def audit_of(
    profile: str,
    uids: frozenset[bytes],
    identifiers: frozenset[Identifier],
    source: bytes,
    written: bytes,
) -> str:
    """The codes of the audit that forbid publishing a file; empty where it may be published."""
    findings = check_file(source, written, profile=profile, identifiers=identifiers, uids=uids)
    refusals = [found for found in findings if found.verdict is Verdict.REFUSED]
    return "; ".join(
        f"{found.code} at {', '.join(map(_with_keyword, found.evidence['where']))}"
        for found in refusals
    )


def _with_keyword(path: str) -> str:
    """The path of an attribute with its keyword, where it has one."""
    tag = path[path.rfind("(") :]
    return f"{path} {keyword_of(tag)}".rstrip()
