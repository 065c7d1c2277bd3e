"""A file that only we may read is whole from its first moment, and made once."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from millpond.private_files import read_or_make


def test_of_many_who_make_it_all_read_the_same(tmp_path):
    path = tmp_path / "data" / "file"
    texts = [f"text {n}" * 1_000 for n in range(20)]
    with ThreadPoolExecutor(20) as pool:
        read = list(pool.map(lambda text: read_or_make(path, lambda: text), texts))
    assert len(set(read)) == 1
    assert read[0] in texts
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        read_or_make(tmp_path / "file" / "below", lambda: "")
