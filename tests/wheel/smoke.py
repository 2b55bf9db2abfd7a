"""Does an installed wheel work? Import, help, a small search, its report. Needs nothing but the package itself.

Run outside the checkout's root or from it: a package that lies in the current folder is not imported.
"""

import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
search: {windows: [[3300.0, 3700.0]], high: 5500.0}
cwola: {repeats: 1, folds: 2, max_iter: 15}
vae: {enabled: false}
autoencoder: {enabled: false}
"""


def main() -> None:
    """Raise where something does not work."""
    sys.path = [place for place in sys.path if place and Path(place).resolve() != ROOT]
    import numpy as np
    import pandas as pd

    import bumphunt

    place = Path(bumphunt.__file__).resolve()
    assert place.is_relative_to(Path(sysconfig.get_path("purelib")).resolve()), f"this is no installed package: {place}"
    assert place.with_name("py.typed").is_file(), "types are not shipped"
    rng = np.random.default_rng(1)
    mjj = np.concatenate([2600 + rng.exponential(500, 10_000), rng.normal(3500, 90, 150)])
    heavier = np.concatenate([rng.gamma(4, 60, 10_000), rng.normal(500, 25, 150)])
    lighter = heavier * np.concatenate([rng.beta(2.5, 2.5, 10_000), rng.normal(0.21, 0.02, 150)])
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        pd.DataFrame({"mjj": mjj, "mj1": heavier, "mj2": np.abs(lighter)}).to_parquet(here / "events.parquet")
        (here / "my.yaml").write_text(CONFIG, "utf-8")

        def bumphunt_(*arguments: str) -> str:
            command = [str(Path(sys.executable).with_name("bumphunt")), *arguments]
            done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{arguments}: {done.stderr}"
            return done.stdout

        assert "Usage" in bumphunt_("--help")
        assert bumphunt_("--version").split()[-1] == bumphunt.__version__
        assert json.loads(bumphunt_("doctor", "--json"))["ok"]
        told = bumphunt_("run", "events.parquet", "--output", "results", "--config", "my.yaml", "--json")
        answers = json.loads(told)["answers"]
        assert 0 < answers["p_global"] <= 1
        assert (here / "results/report.html").stat().st_size > 10_000
        sys.stdout.write(f"bumphunt {bumphunt.__version__} works: {answers['status']}\n")


if __name__ == "__main__":
    main()
