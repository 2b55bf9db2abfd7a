"""Binned spectra from JSON: the plain layout, UHI, and everything that is neither."""

import json

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.jobs.single_stages import read_spectrum
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
    [
        (b'{"edges": []}', True),
        (b'\n  \t{"a": 1}', True),
        (b"[[[[", True),
        (b"mjj,mj1\n", False),
        (b"PAR1\x00", False),
        (b"", False),
    ],
)
def test_json_is_known_by_its_first_character(tmp_path, content, expected):
    path = tmp_path / "whatever.dat"
    path.write_bytes(content)
    assert looks_like_counts(path) is expected


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.json"):
        read_counts(tmp_path / "none.json")
    for path in (tmp_path / "none.json", tmp_path, tmp_path / ("a" * 300), "\0"):  # whoever reads it next says so
        assert looks_like_counts(path) is False


def test_plain_counts(tmp_path):
    found = read_spectrum(written(tmp_path, plain(comment="further keys do no harm")))
    np.testing.assert_array_equal(found.counts, COUNTS)
    np.testing.assert_array_equal(found.edges, EDGES)
    assert found.counts.dtype == found.edges.dtype == np.float64
    assert found.variances is None
    assert found.sqrt_s == 13_000.0


def sparse(histogram):
    from uhi.io import to_sparse

    return to_sparse(histogram._to_uhi_())


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
    for data in (uhi(histogram), uhi(sparse(histogram))):
        found = read_spectrum(written(tmp_path, data))
        np.testing.assert_array_equal(found.counts, [1, 2, 1])
        np.testing.assert_allclose(found.edges, [3000.0, 3100.0, 3200.0, 3300.0])
        assert found.variances is None


def test_two_axes_are_refused(tmp_path):
    import hist

    histogram = hist.Hist(hist.axis.Regular(3, 3000, 3300, name="mjj"), hist.axis.Regular(2, 0, 500, name="mj1"))
    with pytest.raises(InputError, match="2 axes"):
        read_spectrum(written(tmp_path, uhi(histogram)))


def test_axes_without_numbers_are_refused(tmp_path):
    import hist

    histogram = hist.Hist(hist.axis.StrCategory(["a", "b"], name="kind"))
    with pytest.raises(InputError, match="no spectrum found"):
        read_spectrum(written(tmp_path, uhi(histogram)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"edges": [1, 2', "cannot be read as JSON"),
        ("{}", "no spectrum found"),
        ({"edges": EDGES}, "counts"),
        ({"counts": COUNTS}, "edges"),
        (plain(counts=None), "one more edge"),
        (plain(counts=["a", "b", "c"]), "real numbers, found 'a'"),
        (plain(counts=[[1, 2, 3]]), "one more edge"),
        (plain(counts=[1, [2], 3]), "plain list of real numbers"),
        (plain(edges=EDGES[:3]), "3 counts do not fit 3 bin edges"),
        (plain(counts=[], edges=[]), "one more edge"),
        ('{"edges": [3000, 3100, 3250, 3400], "counts": [1, NaN, 3]}', "NaN or infinity"),
        ('{"edges": [3000, 3100, 3250, Infinity], "counts": [1, 2, 3]}', "NaN or infinity"),
        (plain(counts=[1, -2, 3]), "count -2 is negative"),
        (plain(edges=[3000.0, 3250.0, 3100.0, 3400.0]), "3100 out of order"),
        (plain(edges=[3000.0, 3100.0, 3100.0, 3400.0]), "must rise"),
        (plain(edges=[3000.0, 3100.0, 3100.0, 3400.0]), "3100 appears twice"),
        (plain(edges=[3000.0, 3100.0, 3250.0, 14_000.0]), "sqrt_s = 13000"),
        (plain(edges=[3000.0], counts=[]), "no bins"),
        (plain(counts=[1e300, 2, 3]), "no number of events"),
        (plain(counts=[True, 2, 3]), "found 'True'"),
        (plain(counts=[1, None, 3]), "NaN or infinity"),
        (plain(counts=[int("9" * 400), 2, 3]), "real numbers"),
        ('{"edges": [3000, 3100, 3250, 3400], "counts": [' + "9" * 5000 + ", 2, 3]}", "cannot be read as JSON"),
        ('{"edges": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        (plain(variances=[1, 2]), "3 finite variances"),
        (plain(variances=[1, 2, -3]), "3 finite variances"),
        (plain(variances=[1, 2, 3], errors=[1, 2, 3]), "leave one of them out"),
        ({"axes": [{"type": "regular", "bins": 10**12, "lower": 0, "upper": 1}], "storage": {"values": []}}, "1e+12"),
        ({"axes": [{"type": "variable", "edges": EDGES}], "storage": {"type": "mean", "values": [1, 2, 3]}}, "profile"),
        (
            {"axes": [{"type": "variable", "edges": EDGES}], "storage": {"type": "int", "index": [[9]], "values": [1]}},
            "bin 9",
        ),
        (plain(edges=[3.0, 3.1, 3.25, 3.4]), "looks like TeV"),
        ({"axes": [], "storage": {"values": []}}, "0 axes"),
        ({"axes": [{"type": "regular"}], "storage": {"values": [1]}}, "no spectrum found"),
        (plain(errors=["a", 1, 2]), "no spectrum found"),
        ({"axes": [{"type": "variable", "edges": EDGES}]}, "storage"),
        ({"axes": 3, "storage": {"values": [1]}}, "no spectrum found"),
    ],
)
def test_what_is_no_spectrum_is_refused_in_one_line(tmp_path, data, message):
    path = written(tmp_path, data)
    with pytest.raises(InputError) as caught:
        read_spectrum(path)
    text = str(caught.value)
    assert message in text
    assert "spectrum.json" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), ("{", "cannot be read as JSON"), ("[1, 2, 3]", "no spectrum found")]
)
def test_json_without_names_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_counts(written(tmp_path, text))


def test_text_of_another_encoding_is_refused(tmp_path):
    path = tmp_path / "spectrum.json"
    path.write_bytes(b'{"edges": "\xff\xfe"}')
    with pytest.raises(InputError, match="cannot be read as JSON"):
        read_spectrum(path)


def test_errors_are_roots_of_variances(tmp_path):
    by_error = read_spectrum(written(tmp_path, plain(counts=[12, 7, 4], errors=[6, 5, 4])))
    np.testing.assert_array_equal(by_error.variances, [36, 25, 16])
    by_variance = read_spectrum(written(tmp_path, plain(counts=[12, 7, 4], variances=[36, 25, 16])))
    np.testing.assert_array_equal(by_variance.variances, by_error.variances)
    # plain counts are their own variance
    assert read_spectrum(written(tmp_path, plain(counts=[12, 7, 4], variances=[12, 7, 4]))).variances is None


def test_a_profile_of_hist_is_refused(tmp_path):
    import hist

    profile = hist.Hist(hist.axis.Regular(3, 3000, 3300, name="mjj"), storage=hist.storage.Mean())
    profile.fill([3050.0, 3150.0], sample=[1.0, 2.0])
    with pytest.raises(InputError, match="profile"):
        read_spectrum(written(tmp_path, uhi(profile)))
