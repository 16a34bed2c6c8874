"""Tables of the user, as the spreadsheets and shells of three systems write them."""

import json
import unicodedata

import pytest

from pleura.core.atomic import read_json
from pleura.core.errors import UsageError
from pleura.core.tables import read_table

ROWS = {2: {"case": "Möller_1", "patient": "p 1"}, 3: {"case": "b", "patient": "2"}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "mac"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_every_export_gives_the_same_rows(encoding, end, sign):
    lines = [["Case ", "PATIENT"], ["Möller_1", " p 1 "], ["b", "2"], []]
    text = end.join(sign.join(line) for line in lines)
    if encoding == "mac":
        content = unicodedata.normalize("NFD", text).encode()
    else:
        content = text.encode(encoding)
    assert dict(read_table(content, "table")) == ROWS


@pytest.mark.parametrize("before", ["sep=;\r\n", "\r\n \n", "\nsep=;\n\n"])
def test_lines_before_the_heading_do_not_matter(before):
    content = (before + "case;patient\na;1,5\n\nb;2").encode()
    first = before.count("\n") + 2
    assert dict(read_table(content, "table")) == {
        first: {"case": "a", "patient": "1,5"},
        first + 2: {"case": "b", "patient": "2"},
    }


@pytest.mark.parametrize("content", [b"", b"\n\n", b"sep=;", b"case,patient\n"])
def test_a_table_without_rows_has_none(content):
    assert dict(read_table(content, "table")) == {}


def test_utf_16_of_the_other_byte_order_is_read_too():
    content = b"\xfe\xff" + "case,patient\na,1".encode("utf-16-be")
    assert dict(read_table(content, "table")) == {2: {"case": "a", "patient": "1"}}


@pytest.mark.parametrize("content", ["case\nMöller".encode("cp1252"), b"\xff\xfea", b"case\n\x80"])
def test_another_encoding_is_refused_with_what_to_do(content):
    with pytest.raises(UsageError, match="save it as CSV UTF-8"):
        list(read_table(content, "--split file"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_is_read_as_powershell_writes_it(encoding, tmp_path):
    path = tmp_path / "dataset.json"
    path.write_bytes(json.dumps({"labels": {"lung": 1}}).encode(encoding))
    assert read_json(path) == {"labels": {"lung": 1}}
