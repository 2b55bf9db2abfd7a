"""Repeat every study of the lectures that the package grew out of; what is up to date is left alone.

    make studies
    python analysis/studies.py --quick

Each study writes a JSON of its numbers and its figures; analysis/README.md says which figure answers to which of
theirs. The full studies leave out what was made by the same code, settings and inputs, so an interrupted
run goes on where it broke off.
"""

import argparse
import time
from pathlib import Path

import blackbox
import classifiers
import compression
import fitting
import generated
import lhco_training
import lhco_truth
import mnist
import monitor
from records import Settings, chosen, perform

STUDIES = (mnist, lhco_truth, lhco_training, generated, blackbox, classifiers, monitor, fitting, compression)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small samples and short trainings, to see that all runs")
    parser.add_argument("--only", nargs="+", metavar="STUDY", help=", ".join(study.__name__ for study in STUDIES))
    parser.add_argument("--again", action="store_true", help="also what is up to date")
    parser.add_argument("--sample", type=Path, default=Settings.sample, help="labelled events")
    parser.add_argument("--box", type=Path, default=Settings.box, help="events without labels")
    parser.add_argument("--mnist", type=Path, help="mnist.npz in keras' layout")
    parser.add_argument("--output", type=Path, help="by default analysis/results/studies, or out/studies in quick mode")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    default = Path("out/studies" if arguments.quick else "analysis/results/studies")
    settings = Settings(
        quick=arguments.quick,
        sample=arguments.sample,
        box=arguments.box,
        mnist=arguments.mnist,
        output=arguments.output or default,
        workers=arguments.workers,
        seed=arguments.seed,
    )
    begun = time.monotonic()
    for study in chosen(arguments.only, STUDIES):
        perform(study, settings, again=arguments.again)
    print(f"all: {time.monotonic() - begun:.0f} s, in {settings.output}")


if __name__ == "__main__":
    main()
