"""The Upsilon(1S) among real, anti-isolated dimuons of CMS, with the settings of small files.

    python analysis/upsilon.py

The data are those of arXiv:2502.14036, which goes from 1.6 to 6.4 standard deviations with normalising flows, features
at 5-16 GeV and a scan of cuts. Here everything was fixed on simulated boxes (``small_samples.py``) before this was run:
``analysis/configs/upsilon.yaml``, one window, one cut, ten seeds, calibrated by whole searches of pseudo-data of the
same events. Needs the development data beside the repository.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import yaml

import bumphunt
from bumphunt.config import config_from_dict
from bumphunt.files import write_json

DATA = Path("../shared/data/cms_upsilon_SR_features.csv.gz")
CONFIG = Path("analysis/configs/upsilon.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--searches", type=int, default=60, help="of either kind of pseudo-data")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=Path("out/upsilon"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "upsilon.json")
    arguments = parser.parse_args()
    if not arguments.data.exists():
        raise SystemExit(f"{arguments.data} is not there: this study needs the development data")
    settings = yaml.safe_load(CONFIG.read_text("utf-8"))
    config = config_from_dict(settings)
    path = arguments.scratch / "calibration.json"
    rows: list[dict[str, Any]] = []
    for seed in range(1, arguments.seeds + 1):
        calibration: int | Path = path if seed > 1 else arguments.searches
        found = bumphunt.hunt(
            arguments.data, config=config, seed=seed, workers=arguments.workers, calibration=calibration
        )
        if seed == 1 and found.calibration is not None:
            arguments.scratch.mkdir(parents=True, exist_ok=True)
            write_json(path, {"searches": found.calibration.to_dict()})
        best, answers = found.scan.windows[0], found.answers
        rows.append(
            {
                "seed": seed,
                "z_raw": round(best.z_raw, 3),
                "z_stat": round(best.z_stat, 3),
                "z_local": round(answers.z_local, 3),
                "z_spread": round(best.z_spread, 3),
                "n_effective": round(best.n_effective, 2),
                "status": answers.status,
                "failed": [check.name for check in found.checks if not check.passed],
            }
        )
        print(rows[-1], flush=True)
        last = answers.calibration
    content = {
        "median": {name: float(np.median([row[name] for row in rows])) for name in ("z_raw", "z_stat", "z_local")},
        "calibration": last,
        "seeds": rows,
        **boxes.stamp(config, seed=1),
        "settings": settings,
    }
    write_json(arguments.result, content)
    print(json.dumps(content["median"]), json.dumps(last))


if __name__ == "__main__":
    main()
