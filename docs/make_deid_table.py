"""docs/deidentification-table.md, from the table that the engine works by: `python
docs/make_deid_table.py`.
"""

from pathlib import Path

from pleura.deid.choices import Choices
from pleura.deid.profile import profile
from pleura.deid.tables import edition, rows

HEAD = """# What happens to each attribute

Made by `python docs/make_deid_table.py` from {edition}.

Actions of the Basic Profile: D replaced by a dummy, Z emptied or a dummy, X removed, K kept,
C cleaned, U mapped to a new UID; compounds (X/Z/D) are resolved by the attribute's Type in the
object at hand. What is not listed here is treated by its VR: see
[deidentification.md](deidentification.md).

| tag | attribute | Basic Profile | options that act otherwise |
|---|---|---|---|
"""


def main() -> None:
    assert profile(Choices()).codes, "the default profile is the Basic Profile"
    lines = []
    for tag, row in sorted(rows().items()):
        options = ", ".join(f"{name}: {action}" for name, action in sorted(row.options.items()))
        lines.append(
            f"| ({tag >> 16:04X},{tag & 0xFFFF:04X}) | {row.name} | {row.action} | {options} |"
        )
    text = HEAD.format(edition=edition()) + "\n".join(lines) + "\n"
    (Path(__file__).parent / "deidentification-table.md").write_text(
        text, encoding="utf-8", newline="\n"
    )


if __name__ == "__main__":
    main()
