"""Search all that the verbs print and write for canaries of the input: `python bench/canaries.py`.

    python bench/canaries.py [NAMES, a regular expression]

A canary of its own is in every attribute, private tag, folder, file, archive member, structure,
segment, header field and comment of the input; the verbs run on it in success and in failure.
Exit 1 where one is found outside the private files, or a verb ends otherwise than it should.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from testing.canary_verbs import all_seen


def main() -> int:
    """Print a row for each story; return how many broke the rule."""
    wrong = count = canaries = 0
    print("| story | exit | canaries found |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for seen in all_seen(Path(folder), sys.argv[1] if len(sys.argv) > 1 else ""):
            count, canaries = count + 1, seen.canaries
            print(f"| {seen.story.name} | {seen.exit_code} | {len(seen.leaks)} |", flush=True)
            wrong += bool(seen.leaks) or seen.exit_code not in seen.story.exits
            for place, where in list(seen.leaks.items())[:20]:
                print(f"    {place}: in {where}", file=sys.stderr)
    print(f"\n{count} stories, {canaries} canaries, {wrong} stories broke the rule")
    return wrong


if __name__ == "__main__":
    sys.exit(main() > 0)
