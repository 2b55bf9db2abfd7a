"""What importing the scores does, and does not do, to the process; each in a fresh one."""

import os
import subprocess
import sys


def run(code, **environment):
    kept = {key: value for key, value in os.environ.items() if key not in ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**kept, **environment}, check=False
    )


def test_importing_the_scores_loads_no_network_library():
    done = run(
        "import sys, bumphunt.scores.vae, bumphunt.scores.latent, bumphunt.scores.quality, bumphunt.scores.persistence;"
        "print([m for m in ('tensorflow', 'keras', 'skops') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_start_up_is_quiet_and_lets_other_messages_through():
    done = run(
        "import os, sys\n"
        "from bumphunt.scores.backend import import_tensorflow\n"
        "tf = import_tensorflow()\n"
        "print(os.environ['TF_CPP_MIN_LOG_LEVEL'], 'still here', file=sys.stderr)\n"
        "print(float(tf.reduce_sum(tf.ones((2, 2)))))\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "2 still here\n"
    assert done.stdout == "4.0\n"


def test_the_users_log_level_stands_and_another_backend_is_refused():
    done = run(
        "import os\n"
        "from bumphunt.scores.backend import import_keras\n"
        "try:\n    import_keras()\n"
        "except Exception as error:\n    print(os.environ['TF_CPP_MIN_LOG_LEVEL'], type(error).__name__, error)\n",
        TF_CPP_MIN_LOG_LEVEL="1",
        KERAS_BACKEND="numpy",
    )
    assert done.stdout.startswith("1 ConfigError"), done.stderr
