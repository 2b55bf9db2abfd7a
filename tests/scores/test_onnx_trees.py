"""Trees as ONNX by the runtime that others use."""

import numpy as np
import pytest

from bumphunt.scores import BoostedTrees
from bumphunt.scores.onnx_trees import trees_to_onnx


def test_several_members_and_a_feature_of_two_values_are_the_same_in_onnx():
    runtime = pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(1)
    features = np.column_stack([rng.random(800), rng.integers(2, size=800), rng.normal(size=800)])
    positive = rng.random(800) < 0.2 + 0.6 * features[:, 0]
    trees = BoostedTrees(members=3, max_iter=6, max_bins=8, min_samples_leaf=5, seed=2).fit(features, positive)
    content = trees_to_onnx(trees)
    assert content == trees_to_onnx(trees)
    session = runtime.InferenceSession(content)
    (score,) = session.run(["anomaly_score"], {"features": features})
    np.testing.assert_allclose(score, trees.anomaly_score(features), atol=1e-5)
    (one,) = session.run(["anomaly_score"], {"features": features[:1]})
    assert one.shape == (1,)
