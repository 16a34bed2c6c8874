"""What `pip install pleura` brings along: nothing under the GPL (the LGPL leaves users free, and
is named).
"""

import re
from importlib.metadata import distribution, requires
from pathlib import Path

import imagecodecs

from pleura.codecs.frames import ENCODED, LICENCES
from pleura.core.inventory import version_and_licence

LESSER = {"connected-components-3d", "edt"}


def closure(name: str, seen: set[str]) -> set[str]:
    """A distribution and all that it needs without extras."""
    if name not in seen:
        seen.add(name)
        for line in requires(name) or []:
            needed, _, marker = line.partition(";")
            if "extra" not in marker and not re.search(
                r"(sys_platform|platform_system|os_name) *== *.(win32|Windows|nt|darwin)", marker
            ):
                found = re.match(r"[A-Za-z0-9._-]+", needed)
                if found and ("python_version <" not in marker and "python_version<" not in marker):
                    closure(found.group().lower().replace("_", "-"), seen)
    return seen


def test_no_gpl_in_the_default_installation():
    names = closure("pleura", set()) - {"pleura"}
    assert {"imagecodecs", "pydicom", "pyjpegls"} <= names
    licences = {name: version_and_licence(name)[1] for name in names}
    assert all(licences.values()), licences
    assert {
        name for name, licence in licences.items() if "LGPL" in licence or "Lesser" in licence
    } == LESSER
    strict = {name: licence for name, licence in licences.items() if name not in LESSER}
    assert not {
        one for one, licence in strict.items() if re.search(r"\bA?GPL|General Public", licence)
    }, strict
    assert not any("libjpeg" in name for name in names)  # pylibjpeg-libjpeg is GPLv3


def test_the_licences_of_bundled_decoders_are_told():
    assert {codec for _, codec in ENCODED.values()} == set(LICENCES)
    texts = Path(str(distribution("imagecodecs").locate_file("imagecodecs/licenses")))
    for name in ("charls", "libjpeg-turbo", "liblj92", "openjpeg"):
        text = (texts / f"LICENSE-{name}").read_text(encoding="utf-8", errors="replace")
        assert "GENERAL PUBLIC LICENSE" not in text.upper()
    assert imagecodecs.jpegls_version().startswith("charls")
    assert imagecodecs.ljpeg_version().startswith("liblj92")
