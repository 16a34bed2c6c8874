"""A cohort of small synthetic chests, as prepare lays it out."""

import pytest
import torch

from pleura.phantom.anatomy import chest
from pleura.store.case import write_case
from pleura.store.cohort import Cohort, write_cohort
from pleura.store.split import Split


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small pictures gain nothing from a second thread, and other tests run beside these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """Three chests of 12 slices of 32²: the first has a block held back and padding, the last is
    for testing.
    """
    folder = tmp_path_factory.mktemp("cohort")
    names = ("Case_000", "Case_001", "Case_002")
    for seed, name in enumerate(names):
        volume, mask = chest((12, 32, 32), seed=seed, padding_hu=-2000 if seed == 0 else None)
        (folder / "cases" / name).mkdir(parents=True)
        write_case(folder / "cases" / name, name, volume, mask)
    split = Split(names[:2], (), names[2:], {"Case_000": ((3, 5), (8, 9))})
    write_cohort(folder, [{"id": name} for name in names], split)
    return Cohort.open(folder)
