"""What more repeats bring and cost: the spread of z over divisions into folds, at 32 to 128 repeats.

    python analysis/more_repeats.py --number 0

One box of ``power.py`` with 140 signal events and its window around the signal. Eight independent groups of 32 repeats
are trained, and put together by one, two and four; the significance is that of the mean count over repeats, as in a
run. One line a box in ``analysis/results/more_repeats.jsonl``: by cut and number of repeats the mean of local z over
groups, its standard deviation, and how many groups there are; and the CPU seconds of 32 repeats in one window.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import power

from bumphunt.config import config_from_dict
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import search_window, with_significance_of
from bumphunt.preprocessing.content import mixed

GROUPS, REPEATS = 8, 32
CONFIG = {"search": {"null_width": 1.3, "windows": [[3340.0, 3760.0]]}, "cwola": {"repeats": REPEATS}}


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Search one window of one box eight times."""
    search = prepare_search(power.make_box(task), config_from_dict(CONFIG), 1)
    (window,) = search.tasks
    begun = time.process_time()
    outcomes = [search_window(replace(window, keys=mixed(window.keys ^ np.uint64(group)))) for group in range(GROUPS)]
    seconds = (time.process_time() - begun) / GROUPS
    found = {}
    for place, cut in enumerate(window.config.search.cut_fractions):
        for together in (1, 2, 4):
            z = []
            for first in range(0, GROUPS, together):
                some = outcomes[first : first + together]
                frequency = np.sum([each.frequency[place].astype(np.uint16) for each in some], axis=0)
                result = with_significance_of(frequency, some[0].results[place], window, form=0.0)
                z.append(result.z_stat)
            found[f"{cut:g}, {together * REPEATS}"] = [round(float(x), 3) for x in (np.mean(z), np.std(z, ddof=1))] + [
                len(z)
            ]
    return {"seconds": round(seconds, 2), "found": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--scratch", type=Path, default=Path("out/power"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "more_repeats.jsonl")
    arguments = parser.parse_args()
    tasks = power.tasks(arguments.scratch, injected=[140], numbers=arguments.number)
    boxes.grow(arguments.result, one_box, tasks, origin=boxes.stamp(config_from_dict(CONFIG), seed=1))
    for line in boxes.read(arguments.result):
        print(line["set"], line["number"], f"{line['seconds']} s for 32 repeats of a window")
        for name, (mean, spread, groups) in line["found"].items():
            print(f"    {name} repeats: mean {mean}, spread {spread}, {groups} groups")


if __name__ == "__main__":
    main()
