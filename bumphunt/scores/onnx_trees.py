"""Boosted trees as ONNX, for programs in any language: the same bins, the same trees, the same mean of log-odds."""

import warnings
from typing import Any

import numpy as np

from bumphunt.errors import MissingExtraError
from bumphunt.scores.trees import BoostedTrees

OPSET, ML_OPSET, IR_VERSION = 15, 3, 8
"""Versions of the operators and of the format, old enough for runtimes of some years ago."""


def trees_to_onnx(trees: BoostedTrees) -> bytes:
    """Return a fitted ensemble as an ONNX model.

    Its input ``features`` (events, features) is in double precision, as trained on; its output ``anomaly_score``
    (events,) in single precision, to about 1e-5. Bins are part of the model.

    Raises
    ------
    MissingExtraError
        Without ``bumphunt[onnx]``.
    """
    helper, to_array, tensor, convert, floats = onnx_tools()
    nodes, constants, codes = [], [], []
    for place, edges in enumerate(trees.edges_):
        constants += [
            to_array(np.array([place], dtype=np.int64), f"place_{place}"),
            to_array(np.asarray(edges, dtype=np.float64).reshape(1, -1), f"edges_{place}"),
        ]
        # the number of a bin is that of the inner edges below the value
        nodes += [
            helper.make_node("Gather", ["features", f"place_{place}"], [f"column_{place}"], axis=1),
            helper.make_node("Greater", [f"column_{place}", f"edges_{place}"], [f"above_{place}"]),
            helper.make_node("Cast", [f"above_{place}"], [f"counted_{place}"], to=tensor.FLOAT),
            helper.make_node("ReduceSum", [f"counted_{place}", "last_axis"], [f"bin_{place}"], keepdims=1),
        ]
        codes.append(f"bin_{place}")
    constants += [
        to_array(np.array([1], dtype=np.int64), "last_axis"),
        to_array(np.array([1], dtype=np.int64), "positive"),
        to_array(np.array([1.0], dtype=np.float32), "one"),
    ]
    nodes.append(helper.make_node("Concat", codes, ["bins"], axis=1))
    members = []
    for number, booster in enumerate(trees.boosters_):
        converted = convert(booster, initial_types=[("bins", floats([None, trees.n_features_in_]))])
        (tree,) = (node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier")
        tree.name = f"member_{number}"
        tree.output[:] = [f"label_{number}", f"both_{number}"]
        nodes += [
            tree,
            helper.make_node("Gather", [f"both_{number}", "positive"], [f"p_{number}"], axis=1),
            helper.make_node("Sub", ["one", f"p_{number}"], [f"rest_{number}"]),
            helper.make_node("Div", [f"p_{number}", f"rest_{number}"], [f"odds_{number}"]),
            helper.make_node("Log", [f"odds_{number}"], [f"log_odds_{number}"]),
        ]
        members.append(f"log_odds_{number}")
    nodes += [
        helper.make_node("Mean", members, ["mean"]),
        helper.make_node("Squeeze", ["mean", "last_axis"], ["anomaly_score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "boosted_trees",
        [helper.make_tensor_value_info("features", tensor.DOUBLE, [None, trees.n_features_in_])],
        [helper.make_tensor_value_info("anomaly_score", tensor.FLOAT, [None])],
        constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="bumphunt")
    return bytes(model.SerializeToString(deterministic=True))


def onnx_tools() -> tuple[Any, Any, Any, Any, Any]:
    """Return what builds an ONNX model.

    Raises
    ------
    MissingExtraError
        Without ``bumphunt[onnx]``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            from onnx import TensorProto, helper, numpy_helper
            from onnxmltools.convert import convert_xgboost
            from onnxmltools.convert.common.data_types import FloatTensorType
        except ImportError as error:
            raise MissingExtraError(error.name or "onnx", "onnx", "writing models as ONNX") from error
    return helper, numpy_helper.from_array, TensorProto, convert_xgboost, FloatTensorType
