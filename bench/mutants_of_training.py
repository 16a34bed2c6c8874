"""Mutants of training: augmentation, loop, losses, network and study."""

from mutant import Mutant

AUGMENTATION = (
    Mutant(
        "no blur",
        "learn/augment.py",
        "values = torch.where(_column(drawn[:, 1]) < BLURRED, soft, values)",
        "values = torch.where(_column(drawn[:, 1]) < 0, soft, values)",
    ),
    Mutant(
        "no shift",
        "learn/augment.py",
        'signed[:, 4:] * SHIFT * kept["translate"]',
        'signed[:, 4:] * 0.0 * kept["translate"]',
    ),
    Mutant(
        "no noise",
        "learn/augment.py",
        "values + noise * NOISE * _column",
        "values + noise * 0.0 * _column",
    ),
    Mutant(
        "the target does not move with the slice",
        "learn/augment.py",
        "values, targets = both[:, :1], both[:, 1:].clamp(0, 1)",
        "values = both[:, :1]",
    ),
)
LOSSES = (
    Mutant(
        "α and 1 − α exchanged",
        "learn/losses.py",
        "recipe.alpha * bce(logits, target) + (1 - recipe.alpha) * dice(",
        "(1 - recipe.alpha) * bce(logits, target) + recipe.alpha * dice(",
    ),
    Mutant(
        "soft Dice without the factor 2",
        "learn/losses.py",
        "return 1 - (2 * (p * target).sum() + SMOOTH) / (p.sum()",
        "return 1 - ((p * target).sum() + SMOOTH) / (p.sum()",
    ),
    Mutant(
        "squares form without squares",
        "learn/losses.py",
        "(p * p).sum() + (target * target).sum() + SMOOTH",
        "p.sum() + target.sum() + SMOOTH",
    ),
    Mutant(
        "Eq. 2.4 as printed with a sum for its product",
        "learn/losses.py",
        "(target * target).sum() * (p * p).sum()",
        "(target * target).sum() + (p * p).sum()",
    ),
    Mutant(
        "Eq. 2.4 as printed without squares",
        "learn/losses.py",
        "(target * target).sum() * (p * p).sum()",
        "target.sum() * p.sum()",
    ),
    Mutant(
        "Dice alone trains by BCE",
        "learn/losses.py",
        "        return dice\n",
        "        return bce\n",
    ),
    Mutant(
        "no skip connection",
        "learn/unet.py",
        "torch.cat([skip, up(x)], dim=1)",
        "torch.cat([up(x), up(x)], dim=1)",
    ),
    Mutant(
        "dropout of single values in the report's network",
        "learn/unet.py",
        '"report": nn.Dropout2d',
        '"report": nn.Dropout',
    ),
    Mutant(
        "2 × 2 transposed convolutions in the report's network",
        "learn/unet.py",
        '"report": {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}',
        '"report": {"kernel_size": 2, "stride": 2}',
    ),
    Mutant(
        "a block without its second batch norm",
        "learn/unet.py",
        "nn.Conv2d(wide, wide, 3, padding=1),\n            nn.BatchNorm2d(wide),",
        "nn.Conv2d(wide, wide, 3, padding=1),\n            nn.Identity(),",
    ),
)
DATASET = (
    Mutant(
        "held-out slices are trained on",
        "learn/dataset.py",
        '(k in blocked) == (part == "validation")',
        'part == "train" or k in blocked',
    ),
    Mutant(
        "thick slices reach over cases",
        "learn/dataset.py",
        "drawn < THICKER and after.case == place.case and after.slice == place.slice + 1",
        "drawn < THICKER",
    ),
    Mutant(
        "test cases are trained on",
        "learn/dataset.py",
        "names = set(getattr(split, part))",
        "names = {case.id for case in cases}",
    ),
)
LOOP = (
    Mutant(
        "training slices not shuffled",
        "learn/loop.py",
        "shuffle=True, generator=order",
        "shuffle=False",
    ),
    Mutant(
        "training accuracy from logits",
        "learn/loop.py",
        "answer, lung = torch.sigmoid(logits) >= 0.5, targets >= 0.5",
        "answer, lung = logits >= 0.5, targets >= 0.5",
    ),
    Mutant(
        "dropout never applied",
        "learn/loop.py",
        "LightUNet(dropout=recipe.dropout,",
        "LightUNet(dropout=0.0,",
    ),
    Mutant(
        "schedule ignored",
        "learn/loop.py",
        'if recipe.schedule == "constant":',
        "if recipe.schedule:",
    ),
    Mutant(
        "the worst epoch kept",
        "learn/loop.py",
        "scores.index(max(scores))",
        "scores.index(min(scores))",
    ),
    Mutant(
        "the last epoch kept though the best was asked for",
        "learn/loop.py",
        'if recipe.keep == "last" or history[-1]["validation"] is None:',
        "if True:",
    ),
    Mutant(
        "weight decay ignored",
        "learn/loop.py",
        "weight_decay=recipe.weight_decay)",
        "weight_decay=0.0)",
    ),
    Mutant(
        "batches of different sizes count alike",
        "learn/loop.py",
        "self.loss += loss * len(targets)\n        self.slices += len(targets)",
        "self.loss += loss\n        self.slices += 1",
    ),
    Mutant(
        "validation with dropout",
        "learn/loop.py",
        "    net.eval()\n    for slices",
        "    net.train()\n    for slices",
    ),
    Mutant(
        "the watched test curve is of the validation part",
        "learn/loop.py",
        'line["test"] = score_slices(recipe, trainer.net, test)',
        'line["test"] = score_slices(recipe, trainer.net, validation)',
    ),
    Mutant(
        "training continues with a loss of NaN",
        "learn/loop.py",
        "if not all(math.isfinite(loss) for loss in losses):",
        "if not losses:",
    ),
    Mutant(
        "every epoch in the same order",
        "learn/loop.py",
        "seed = self.recipe.seed * EPOCH_SEEDS + number\n",
        "seed = self.recipe.seed * EPOCH_SEEDS\n",
    ),
    Mutant(
        "--steps ignored",
        "learn/loop.py",
        "recipe.steps or recipe.epochs * per_epoch",
        "recipe.epochs * per_epoch",
    ),
    Mutant(
        "gradients add up over steps",
        "learn/loop.py",
        "        self.optimiser.zero_grad(set_to_none=True)\n",
        "",
    ),
    Mutant(
        "a resumed training forgets Adam's moments",
        "learn/loop.py",
        "checkpoint.restore(last, net, optimiser)",
        "checkpoint.restore(last, net)",
    ),
)
STUDY = (
    Mutant(
        "differences to the baseline exchanged",
        "studying/analysis.py",
        "own[name] - reference[name]",
        "reference[name] - own[name]",
    ),
    Mutant(
        "a run that diverged is dropped",
        "studying/analysis.py",
        'if "refused" not in record:',
        'if "refused" not in record and not record["diverged"]:',
    ),
    Mutant(
        "a failure counts as a perfect answer",
        "studying/run_scores.py",
        "return score_answer(~lungs, lungs",
        "return score_answer(lungs, lungs",
    ),
    Mutant(
        "cases count, not patients",
        "studying/analysis.py",
        "by_patient[patient_of(case)]",
        "by_patient[case]",
    ),
    Mutant(
        "a test with four patients",
        "studying/analysis.py",
        "TESTABLE = 6",
        "TESTABLE = 2",
    ),
    Mutant(
        "an incomplete arm is compared",
        "studying/analysis.py",
        "in folds.items() if len(own) == design.folds)",
        "in folds.items() if own)",
    ),
    Mutant(
        "p values not adjusted",
        "studying/analysis.py",
        "adjusted = holm(p_values)",
        "adjusted = list(p_values)",
    ),
    Mutant(
        "hallucinated lung on slices with lung too",
        "studying/run_scores.py",
        '"hallucinated_ml": int(answer[empty].sum())',
        '"hallucinated_ml": int(answer.sum())',
    ),
)
RUNS = (
    Mutant(
        "arms differ in seed",
        "studying/runs.py",
        "replace(arm.recipe, seed=seed)",
        "replace(arm.recipe, seed=seed + len(arm.key))",
    ),
    Mutant(
        "probability 0.73 for 0.5",
        "learn/arm.py",
        "parts.append(logits >= 0)",
        "parts.append(logits >= 1)",
    ),
)
