"""JSON files with long lists, read part by part: the values of `json`, in less memory."""

import json
import tracemalloc

import pytest

from pleura.core import json_stream
from pleura.core.json_stream import no_list, packed_list, read_json_object
from pleura.core.packed import FEW, Packed
from pleura.store.run_record import open_run

GOOD = [
    {},
    {"a": []},
    {"cases": [{"id": 'a "b" \\ [,]{}', "n": [1, [2, {}]]}, None, True], "e": -1.5e-7, "z": "é\n"},
    {"numbers": [0, 10, -3, 1e300, 12345678901234567890], "last": 1200},
    {"nested": {"list": [[[]], [1]]}, "cases": [[], [[]], {}, ""]},
]


@pytest.mark.parametrize("chunk", [1, 2, 3, 1 << 16])
@pytest.mark.parametrize("indent", [None, 2])
def test_the_values_are_those_of_json_wherever_the_text_is_cut(
    chunk, indent, tmp_path, monkeypatch
):
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    path = tmp_path / "file.json"
    for value in GOOD:
        path.write_text(json.dumps(value, indent=indent), encoding="utf-8")
        assert read_json_object(path, packed_list) == value
        kept = {key: None if isinstance(one, list) else one for key, one in value.items()}
        assert read_json_object(path, no_list) == kept


BAD = [
    *("", "[1]", "1", "{", '{"a"}', '{"a": 1', '{"a": [1', '{"a": [1,]}', '{"a": 1,}', "{1: 2}"),
    *('{"a": 1} 2', '{"a": 1 "b": 2}', '{"a": [1 2]}', '{"a": 1e}', '{"a": "b}', '{"a": tru}'),
    *('{"a": ' + "[" * 100_000, '{"a": ' + '{"b":' * 100_000, '{"a": nul'),
]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_is_not_a_json_object_is_a_value_error(text, tmp_path):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"."):
        read_json_object(path, packed_list)


def test_bytes_that_are_not_utf_8_are_a_value_error(tmp_path):
    path = tmp_path / "file.json"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ValueError, match=r"."):
        read_json_object(path, packed_list)


def test_a_finished_run_is_opened_in_a_fraction_of_its_run_json(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    source.write_text("input")
    one = {f"number {number}": number / 7 for number in range(30)}
    how = {"verb": "segment", "sources": [source], "options": {}}
    with open_run(out, **how) as run:
        records = ({"id": f"Case_{number}", **one} for number in range(1500))
        run.finish(0, cases=Packed(records, FEW))
    size = (out / "run.json").stat().st_size
    tracemalloc.start()
    with open_run(out, **how) as run:
        assert run.done
        assert len(run.record["cases"]) == 1500
        assert run.record["cases"][1499]["id"] == "Case_1499"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 1_500_000
    assert peak < size / 2
