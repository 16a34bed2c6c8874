"""Characters that count as digits and are not numbers, such as ², where a number is expected."""

from types import SimpleNamespace

import pytest

from pleura.audit.terms import is_structure as is_anatomy
from pleura.core.cores import threads
from pleura.core.dates import timestamp
from pleura.core.errors import UsageError
from pleura.deid.labels import is_structure
from pleura.deid.values import capped_age
from pleura.labels import label_maps, name_files
from pleura.store import status
from pleura.store.job_array import Part

NOT_A_NUMBER = "²²²²"


@pytest.mark.parametrize("task", ["²", "0/²", "²/4"])
def test_a_task_with_such_a_number_is_wrong_usage(task):
    values = {"plan": False, "tasks": 0, "task": task, "retry": "", "overwrite": False}
    with pytest.raises(UsageError, match="--task is N, N/M"):
        Part.of(SimpleNamespace(verb="segment", values=values))


def test_variables_with_such_a_number_are_passed_over(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", NOT_A_NUMBER)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", NOT_A_NUMBER)
    assert threads() > 0
    assert timestamp(0).year == 1970


def test_names_and_values_with_such_a_number_are_read_as_text(tmp_path):
    assert capped_age("²²²Y") is None
    assert not is_structure(f"Lung {NOT_A_NUMBER}")
    assert is_anatomy(f"lung {NOT_A_NUMBER}") in (True, False)
    assert dict(name_files._named({"labels": {"²": "lung"}})) == {"²": "lung"}
    assert label_maps._whole("²", 7) == 7
    claims = tmp_path / ".pleura" / "claims"
    claims.mkdir(parents=True)
    (claims / "stem.²").touch()
    assert status._last_claims(tmp_path) == {"stem": 0}
