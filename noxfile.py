"""The tests and a trial of the wheel with each supported Python: ``nox``, or ``nox -s wheel-3.12``."""

from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13")
nox.options.sessions = ("wheel",)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests, with the newest versions that the requirements allow."""
    session.install("--editable", ".[simulation,root,dask,publish,onnx,docs,dev]")
    session.run("python", "-m", "pytest", "--numprocesses", "2", "--dist", "loadfile", *session.posargs)


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """Try the wheel as a user installs it, in an environment of its own: import, help, a small run."""
    folder = session.create_tmp()
    session.install("build")
    session.run("python", "-m", "build", "--wheel", "--outdir", folder)
    session.install(str(max(Path(folder).glob("*.whl"))))
    session.run("python", "tests/wheel/smoke.py")
