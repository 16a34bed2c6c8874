"""Shared set-up: the strategies module is importable, hypothesis is seeded and never timed, real
data is laid out once.
"""

import os
import subprocess
import sys
from pathlib import Path

# before NumPy: spinning threads slow each other
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# one core for each test worker, and so for the processes that it starts: `workers=0` is then one
# process and a network has one thread; tests of several processes ask for a number of them
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SLURM_CPUS_PER_TASK", "1")

import pytest
from hypothesis import settings
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

HERE = Path(__file__).parent
ROOT = HERE.parent

sys.path.insert(0, str(HERE))
settings.register_profile("pleura", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("pleura")


RENDER = FigureCanvasAgg.print_png


def one_pixel(canvas, file, **_):
    Image.new("L", (1, 1)).save(file, format="png")


@pytest.fixture(scope="session", autouse=True)
def figures_of_one_pixel():
    """Figures are drawn and written as one pixel: rendering is half of a tiny run.

    `figures_rendered` renders them, as all commands in processes of their own do.
    """
    FigureCanvasAgg.print_png = one_pixel
    yield
    FigureCanvasAgg.print_png = RENDER


@pytest.fixture(scope="module")
def figures_rendered(figures_of_one_pixel):
    """Figures as users get them."""
    FigureCanvasAgg.print_png = RENDER
    yield
    FigureCanvasAgg.print_png = one_pixel


@pytest.fixture
def figures_not_rendered(monkeypatch):
    """One test that looks at words alone, among tests that look at figures."""
    monkeypatch.setattr(FigureCanvasAgg, "print_png", one_pixel)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real chest CT (`chests`, `oddities`, `lung_dx_A0002`), read-only.

    `PLEURA_DATA` names a place where it is laid out already; else the packs beside the checkout are
    unpacked once into `data/` (ignored by git). Skips, and says so, only where the packs are
    absent.
    """
    given = os.environ.get("PLEURA_DATA")
    if given:
        return Path(given)
    unpack = ROOT.parent / "shared" / "data" / "unpack"
    if not unpack.exists():
        pytest.skip(
            "real chest CT is not beside this checkout (../shared/data): tests on real data were "
            "not run"
        )
    goal = ROOT / "data"
    with _alone(ROOT / ".pytest_cache" / "unpack.lock"):
        subprocess.run([sys.executable, str(unpack), str(goal)], check=True, capture_output=True)
    return goal


class _alone:
    """One test worker at a time: whoever makes the lock file unpacks, the others wait for it to
    go.
    """

    def __init__(self, lock: Path) -> None:
        self.lock = lock

    def __enter__(self) -> None:
        import time

        self.lock.parent.mkdir(exist_ok=True)
        for _ in range(1200):
            try:
                os.close(os.open(self.lock, os.O_CREAT | os.O_EXCL))
                return
            except FileExistsError:
                time.sleep(0.25)
        raise TimeoutError(f"{self.lock} is left from a killed test run: remove it")

    def __exit__(self, *_: object) -> None:
        self.lock.unlink(missing_ok=True)
