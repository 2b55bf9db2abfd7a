"""Run a bumphunt command on a Dask cluster made of batch jobs, and give the jobs back when it is done.

    python dask_jobs.py --system slurm --jobs 20 --memory 4GB --walltime 02:00:00 -- run events.parquet --output out

Events, output and the Python environment must lie on a file system that all machines share.
"""

import argparse
import subprocess
import sys

import dask
import dask_jobqueue

SYSTEMS = {"slurm": dask_jobqueue.SLURMCluster, "htcondor": dask_jobqueue.HTCondorCluster}


def main() -> int:
    """Start jobs, run the command with their scheduler, and end them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", choices=SYSTEMS, default="slurm")
    parser.add_argument("--jobs", type=int, default=10, help="each has one worker on one core")
    parser.add_argument("--memory", default="4GB", help="of a job")
    parser.add_argument("--walltime", default="02:00:00", help="only for slurm")
    parser.add_argument("--queue", help="only for slurm: the partition")
    parser.add_argument("--disk", default="2GB", help="only for htcondor")
    parser.add_argument("--interface", help="network interface that the machines see each other on, such as ib0")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="a verb of bumphunt, as usual")
    arguments = parser.parse_args()
    command = [word for word in arguments.command if word != "--"]
    options = {"cores": 1, "processes": 1, "memory": arguments.memory, "interface": arguments.interface}
    if arguments.system == "slurm":
        options |= {"walltime": arguments.walltime, "queue": arguments.queue}
    else:
        options |= {"disk": arguments.disk}
    # the tasks of a worker that is lost, with its machine or at its walltime, are done again by another
    dask.config.set({"distributed.scheduler.allowed-failures": 10})
    with SYSTEMS[arguments.system](**options, scheduler_options={"dashboard_address": None}) as cluster:
        cluster.scale(jobs=arguments.jobs)
        address = cluster.scheduler_address
        return subprocess.call([sys.executable, "-m", "bumphunt", *command, "--scheduler", address])


if __name__ == "__main__":
    sys.exit(main())
