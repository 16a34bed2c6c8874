"""The engine over the hostile corpus, judged by the corpus's own judge: 0 leaks, 0 broken
references, nothing lost.
"""

import pytest
from hostile.corpus import build
from hostile.judge import judge

from pleura.core.errors import Exit
from pleura.verbs.deidentify import deidentify


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return build(tmp_path_factory.mktemp("hostile") / "in")


@pytest.fixture(scope="module", params=["remove", "shift"])
def done(request, truth, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    result = deidentify(
        truth.folder, folder / "out", profile="basic", dates=request.param, workers=1
    )
    return request.param, result, folder


def test_every_required_object_is_published_and_the_others_are_refused(truth, done):
    _, result, _ = done
    assert [line for line in result.notes() if "NOT-CLEAN" in line] == []
    assert result.files == len(truth.required)
    assert result.exit_code is Exit.SOME_FAILED


def test_the_judge_of_the_corpus_has_no_complaint(truth, done):
    dates, _, folder = done
    assert (
        judge(truth, folder / "out", {"remove": "removed", "shift": "shifted"}[dates]).complaints()
        == {}
    )


def test_nothing_that_is_told_or_recorded_names_anybody(truth, done):
    _, result, folder = done
    told = "\n".join(
        [*result.notes(), str(result.as_json()), (folder / "out.audit.json").read_text()]
    ).lower()
    assert not [secret for secret in truth.secrets() if len(secret) > 5 and secret.lower() in told]
