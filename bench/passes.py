"""How often a run opens each source file, parses each header and computes each mask of a case.

    python bench/passes.py [FOLDER]

Each verb runs in this process over three phantoms and, where it is given, over FOLDER with one CT
series. An open is one audit event `open` of Python for a file of the input. A parse is one call of
a function in `READERS` for a file. Masks are counted by the size of the volume that they are
computed on, for one case.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pleura
from pleura.audit.parsing import Layout
from pleura.verbs.phantom import phantom

READERS = {
    "pleura.dicom.header.planes_of": "headers",
    "pleura.deid.headers.HeaderReader.read": "headers",
    "pydicom.dcmread": "whole, pydicom",
    "pleura.audit.parsing.take_apart": "whole, audit",
}
"""`deid` and `audit` share no code, so each parses for itself."""
MASKS = {
    "pleura.anatomy.couch.body_mask": "body",
    "pleura.anatomy.airways.airways": "airways",
}
PHANTOMS = 3


class Tally:
    """What one run did: opens by file, parses by kind, masks by kind and shape."""

    def __init__(self) -> None:
        self.source = ""
        self.opens: Counter[str] = Counter()
        self.parses: Counter[str] = Counter()
        self.masks: Counter[tuple[str, tuple[int, ...]]] = Counter()

    def start(self, source: Path) -> None:
        """Forget the last run; count opens of files below `source` from here on."""
        self.source = f"{source}/"
        self.opens.clear()
        self.parses.clear()
        self.masks.clear()

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Python's audit hook."""
        if event == "open" and self.source and str(arguments[0]).startswith(self.source):
            self.opens[str(arguments[0])] += 1

    def reading(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.parses[kind] += not isinstance(arguments[0], Layout)
            return function(*arguments, **options)

        return counted

    def masking(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(volume: Any, *arguments: Any) -> Any:
            self.masks[kind, volume.hu.shape] += 1
            return function(volume, *arguments)

        return counted


def main() -> None:
    tally = Tally()
    import_everything()
    for name, kind in READERS.items():
        replace(name, partial(tally.reading, kind))
    for name, kind in MASKS.items():
        replace(name, partial(tally.masking, kind))
    sys.addaudithook(tally.hook)
    with tempfile.TemporaryDirectory() as scratch:
        phantoms = Path(scratch) / "phantoms"
        phantom(phantoms, cases=PHANTOMS)
        inputs = [(f"{PHANTOMS} phantoms", phantoms / "Images", PHANTOMS)]
        inputs += [(Path(given).name, Path(given).resolve(), 1) for given in sys.argv[1:]]
        print("| input | run | files | opens a file | most | parses a file | masks a case |")
        print("|---|---|---|---|---|---|---|")
        for label, source, cases in inputs:
            for number, (command, run) in enumerate(runs().items()):
                out = Path(scratch) / f"{label} {number}"
                tally.start(source)
                run(source, out)
                print(row(label, command, tally, cases))


def runs() -> dict[str, Callable[[Path, Path], object]]:
    """The commands, each as a function of IN and OUT."""
    return {
        "`segment`": pleura.segment,
        "`segment --model classical`": partial(pleura.segment, model=Path("classical")),
        "`prepare`": pleura.prepare,
        "`prepare --couch remove`": partial(pleura.prepare, couch="remove"),
        "`deidentify`": partial(pleura.deidentify, workers=1),
    }


def row(label: str, command: str, tally: Tally, cases: int) -> str:
    files = len(tally.opens)
    parses = [f"{kind} {count / files:.2f}" for kind, count in sorted(tally.parses.items())]
    masks = [
        f"{kind} on {' × '.join(map(str, shape))}: {count / cases:.3g}"
        for (kind, shape), count in sorted(tally.masks.items())
    ]
    most = max(tally.opens.values())
    mean = tally.opens.total() / files
    cells = [label, command, str(files), f"{mean:.2f}", str(most)]
    return "| " + " | ".join([*cells, ", ".join(parses), "; ".join(masks) or "none"]) + " |"


def import_everything() -> None:
    """Import all rooms whose functions may be imported by name before they are replaced."""
    root = Path(pleura.__file__).parent
    for path in sorted(root.rglob("*.py")):
        room = path.relative_to(root).parts[0]
        if room not in ("learn", "cli", "__main__.py") and path.name != "__init__.py":
            import_module(".".join(("pleura", *path.relative_to(root).with_suffix("").parts)))


def replace(name: str, wrapped: Callable[[Any], Any]) -> None:
    """Replace a function, or a method, by a wrapped one wherever it was imported."""
    parts = name.split(".")
    owner: Any = import_module(parts[0])
    for part in parts[1:-1]:
        owner = getattr(owner, part)
    original = getattr(owner, parts[-1])
    new = wrapped(original)
    setattr(owner, parts[-1], new)
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("pleura."):
            for attribute, found in list(vars(module).items()):
                if found is original:
                    setattr(module, attribute, new)


if __name__ == "__main__":
    main()
