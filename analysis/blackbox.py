"""Analyse a black box as any user would, and set the answers beside the truth where that is known.

python analysis/blackbox.py data/blackbox.parquet --output out/blackbox --workers 2
"""

import argparse
import json
from pathlib import Path

import bumphunt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path, nargs="?", default=Path("data/blackbox.parquet"))
    parser.add_argument("--output", type=Path, default=Path("out/blackbox"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()

    result = bumphunt.run_analysis(
        arguments.events, output=arguments.output, seed=arguments.seed, workers=arguments.workers
    )
    print(result)
    # read after the answers stand: nothing above can see it
    truth_file = arguments.events.with_name(f"{arguments.events.stem}_truth.json")
    if truth_file.exists():
        compare(result, json.loads(truth_file.read_text()))


def compare(result: bumphunt.AnalysisResult, truth: dict[str, object]) -> None:
    """Print answer, truth and their distance in units of the interval."""
    masses = list(truth["masses"] or [])  # type: ignore[call-overload]
    known = dict(zip(("m_resonance", "m_x", "m_y"), masses, strict=False)) | {"n_signal": truth["n_signal"]}
    print(f"\n{'':12} {'answer':>16} {'truth':>8} {'pull':>6}")
    for name, value in known.items():
        interval = getattr(result.answers, name)
        if interval is None:
            print(f"{name:12} {'not given':>16} {float(value):8.0f}")
            continue
        half = interval.high - interval.value if value > interval.value else interval.value - interval.low
        print(f"{name:12} {interval!s:>16} {float(value):8.0f} {(interval.value - float(value)) / half:6.2f}")


if __name__ == "__main__":
    main()
