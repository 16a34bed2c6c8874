"""The steps of a training against a loop written out here: Adam on the mean gradient of one
batch, weight decay, and each score of its own part.
"""

import json

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader

from pleura.geometry.network_grid import NetInput
from pleura.learn.arm import _answer
from pleura.learn.dataset import SliceDataset
from pleura.learn.loop import EPOCH_SEEDS, RunningScore, fit, score_slices
from pleura.learn.recipe import Recipe
from pleura.learn.unet import LightUNet

PLAIN = Recipe(
    loss="bce",
    steps=4,
    lr=1e-3,
    schedule="constant",
    batch=6,
    size=24,
    dropout=0.0,
    augment=(),
    keep="last",
    weight_decay=0.1,
)
NET = NetInput(24)


def part(cohort, name):
    cases = [cohort.case(one) for one in ("Case_000", "Case_001", "Case_002")]
    return SliceDataset(cases, cohort.split, name, NET)


def trained(cohort, out, recipe=PLAIN, **options):
    parts = part(cohort, "train"), part(cohort, "validation")
    return fit(recipe, *parts, out, device=torch.device("cpu"), **options)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_four_steps_are_those_of_adam_on_each_batch_alone(cohort, tmp_path, decay):
    recipe = Recipe(**{**vars(PLAIN), "weight_decay": decay})
    ours = trained(cohort, tmp_path, recipe)
    torch.manual_seed(recipe.seed)
    net = LightUNet(dropout=0.0)
    net.to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(net.parameters(), lr=recipe.lr, weight_decay=decay)
    order = torch.Generator().manual_seed(recipe.seed * EPOCH_SEEDS)
    batches = DataLoader(part(cohort, "train"), batch_size=6, shuffle=True, generator=order)
    for _, (slices, targets, _, _) in zip(range(4), batches, strict=False):
        adam.zero_grad()
        logits = net(slices.contiguous(memory_format=torch.channels_last))
        binary_cross_entropy_with_logits(logits, targets).backward()
        adam.step()
    for one, other in zip(ours.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_the_mean_loss_is_of_slices_not_of_batches():
    score = RunningScore()
    for slices, loss in ((6, 1.0), (2, 5.0)):
        score.add(torch.zeros(slices, 1, 2, 2), torch.ones(slices, 1, 2, 2), loss)
    assert score.mean()["loss"] == pytest.approx(2.0)


def test_every_score_of_an_epoch_is_of_its_own_part(cohort, tmp_path):
    net = trained(cohort, tmp_path, test=part(cohort, "test"))
    line = json.loads((tmp_path / "history.jsonl").read_text().splitlines()[-1])
    for name in ("validation", "test"):
        assert line[name] == pytest.approx(score_slices(PLAIN, net, part(cohort, name)))
    assert line["validation"] != line["test"]


def test_a_study_answers_at_probability_one_half():
    """Logits just above and below 0, over more slices than one batch has."""
    slices = np.linspace(-0.5, 0.5, 11, dtype=np.float32)[:, None, None] * np.ones((1, 8, 8))
    answer = _answer(torch.nn.Identity(), slices)
    assert answer.shape == (11, 8, 8)
    assert answer[:, 0, 0].tolist() == [False] * 5 + [True] * 6
