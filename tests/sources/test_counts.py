"""Binned spectra from JSON: the plain layout, UHI, and everything that is neither."""

import json

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.sources.counts import looks_like_counts, read_counts

EDGES = [3000.0, 3100.0, 3250.0, 3400.0]
COUNTS = [12, 7, 0]


def written(tmp_path, data):
    path = tmp_path / "spectrum.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), "utf-8")
    return path


def plain(**changes):
    return {"edges": EDGES, "counts": COUNTS, **changes}


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b'{"edges": []}', True), (b'\n  \t{"a": 1}', True), (b"mjj,mj1\n", False), (b"PAR1\x00", False), (b"", False)],
)
def test_json_is_known_by_its_first_character(tmp_path, content, expected):
    path = tmp_path / "whatever.dat"
    path.write_bytes(content)
    assert looks_like_counts(path) is expected


def test_a_file_that_is_not_there(tmp_path):
    for read in (looks_like_counts, read_counts):
        with pytest.raises(InputError, match=r"none\.json"):
            read(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot read"):
        looks_like_counts(tmp_path)


def test_plain_counts(tmp_path):
    counts, edges = read_counts(written(tmp_path, plain(comment="further keys do no harm")))
    np.testing.assert_array_equal(counts, COUNTS)
    np.testing.assert_array_equal(edges, EDGES)
    assert counts.dtype == edges.dtype == np.float64


def uhi(histogram):
    from uhi.io import json as uhi_json

    return json.dumps(histogram, default=uhi_json.default)


@pytest.mark.parametrize("flow", [{}, {"flow": False}, {"underflow": False}, {"overflow": False}])
@pytest.mark.parametrize("storage", ["Double", "Int64", "Weight"])
@pytest.mark.parametrize("regular", [True, False])
def test_histograms_of_hist_without_their_flow(tmp_path, flow, storage, regular):
    import hist

    axis = (
        hist.axis.Regular(3, 3000.0, 3300.0, name="mjj", **flow)
        if regular
        else hist.axis.Variable([3000.0, 3100.0, 3200.0, 3300.0], name="mjj", **flow)
    )
    histogram = hist.Hist(axis, storage=getattr(hist.storage, storage)())
    histogram.fill([100.0, 3050.0, 3150.0, 3150.0, 3250.0, 9000.0, 9000.0])
    counts, edges = read_counts(written(tmp_path, uhi(histogram)))
    np.testing.assert_array_equal(counts, [1, 2, 1])
    np.testing.assert_allclose(edges, [3000.0, 3100.0, 3200.0, 3300.0])


def test_two_axes_are_refused(tmp_path):
    import hist

    histogram = hist.Hist(hist.axis.Regular(3, 3000, 3300, name="mjj"), hist.axis.Regular(2, 0, 500, name="mj1"))
    with pytest.raises(InputError, match="2 axes"):
        read_counts(written(tmp_path, uhi(histogram)))


def test_axes_without_numbers_are_refused(tmp_path):
    import hist

    histogram = hist.Hist(hist.axis.StrCategory(["a", "b"], name="kind"))
    with pytest.raises(InputError, match="no spectrum found"):
        read_counts(written(tmp_path, uhi(histogram)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"edges": [1, 2', "cannot be read as JSON"),
        ("", "cannot be read as JSON"),
        ("[1, 2, 3]", "no spectrum found"),
        ("{}", "no spectrum found"),
        ({"edges": EDGES}, "counts"),
        ({"counts": COUNTS}, "edges"),
        (plain(counts=None), "one more edge"),
        (plain(counts=["a", "b", "c"]), "no spectrum found"),
        (plain(counts=[[1, 2, 3]]), "one more edge"),
        (plain(counts=[1, [2], 3]), "no spectrum found"),
        (plain(edges=EDGES[:3]), "3 counts and 3 edges"),
        (plain(counts=[], edges=[]), "one more edge"),
        ('{"edges": [3000, 3100, 3250, 3400], "counts": [1, NaN, 3]}', "NaN or infinity"),
        ('{"edges": [3000, 3100, 3250, Infinity], "counts": [1, 2, 3]}', "NaN or infinity"),
        (plain(counts=[1, -2, 3]), "count -2 is negative"),
        (plain(edges=[3000.0, 3250.0, 3100.0, 3400.0]), "3100 out of order"),
        (plain(edges=[3000.0, 3100.0, 3100.0, 3400.0]), "must rise"),
        (plain(edges=[3.0, 3.1, 3.25, 3.4]), "looks like TeV"),
        ({"axes": [], "storage": {"values": []}}, "0 axes"),
        ({"axes": [{"type": "regular"}], "storage": {"values": [1]}}, "no spectrum found"),
        ({"axes": [{"type": "variable", "edges": EDGES}]}, "storage"),
        ({"axes": 3, "storage": {"values": [1]}}, "no spectrum found"),
    ],
)
def test_what_is_no_spectrum_is_refused_in_one_line(tmp_path, data, message):
    path = written(tmp_path, data)
    with pytest.raises(InputError) as caught:
        read_counts(path)
    text = str(caught.value)
    assert message in text
    assert "spectrum.json" in text
    assert "\n" not in text


def test_text_of_another_encoding_is_refused(tmp_path):
    path = tmp_path / "spectrum.json"
    path.write_bytes(b'{"edges": "\xff\xfe"}')
    with pytest.raises(InputError, match="cannot be read as JSON"):
        read_counts(path)
