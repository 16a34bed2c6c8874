"""Packed sequences: like tuples, but small; and the JSON of them, item by item."""

import json
from typing import NamedTuple

import pytest

from pleura.core.atomic import dump_json, json_parts, read_json, write_json, write_json_if_changed
from pleura.core.packed import Packed


class Point(NamedTuple):
    name: str
    at: tuple[float, float]


POINTS = [Point(f"p{number}", (number / 3, -0.0)) for number in range(1000)]


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_it_is_the_sequence_that_it_was_made_of(count):
    points, packed = POINTS[:count], Packed(POINTS[:count])
    assert len(packed) == count
    assert list(packed) == points
    assert [packed[number] for number in range(-count, count)] == points + points
    assert packed[3:900:7] == tuple(points[3:900:7])
    assert packed == tuple(points)
    assert repr(packed) == repr(tuple(points))
    assert packed != [*points, points]
    with pytest.raises(IndexError):
        packed[count]


def test_named_tuples_keep_their_type_and_mixed_items_stay_as_they_are():
    assert all(type(point) is Point for point in Packed(POINTS))
    mixed = [POINTS[0], (1, 2), {"a": None}, "text"]
    assert [type(item) for item in Packed(mixed)] == [Point, tuple, dict, str]


def test_items_can_be_added_in_parts():
    packed = Packed(POINTS[:10], block=4)
    packed.extend(iter(POINTS[10:13]))
    assert packed == POINTS[:13]
    assert packed[9:12] == tuple(POINTS[9:12])


VALUES = (
    Packed(),
    Packed([1, "two\n", {"b": [], "a": {"c": [1, {"d": "é"}]}}, []]),
    {"z": Packed([{"id": "a\nb", "x": [1]}, {"id": "c"}]), "a": {}, "é": Packed()},
    {"plain": [1, 2]},
)


@pytest.mark.parametrize("value", VALUES)
def test_the_json_is_that_of_a_list(value, tmp_path):
    def plain(value):
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        return list(value) if isinstance(value, Packed) else value

    text = json.dumps(plain(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert dump_json(value) == text
    write_json(tmp_path / "file", value)
    assert (tmp_path / "file").read_text(encoding="utf-8") == text
    assert read_json(tmp_path / "file") == plain(value)


def test_the_json_of_many_records_comes_in_small_parts():
    records = Packed({"id": number, "text": "x" * 1000} for number in range(500))
    assert max(map(len, json_parts({"cases": records, "n": 1}))) < 2000


def test_a_file_is_written_only_where_its_text_changes(tmp_path):
    path, value = tmp_path / "file", {"cases": Packed([1, 2, 3])}
    for text in ("", dump_json(value)[:-1], f"{dump_json(value)} ", "other"):
        path.write_text(text, encoding="utf-8")
        write_json_if_changed(path, value)
        assert path.read_text(encoding="utf-8") == dump_json(value)
    before = path.stat().st_ino, path.stat().st_mtime_ns
    write_json_if_changed(path, value)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == before
