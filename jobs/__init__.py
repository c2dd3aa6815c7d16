"""multiprocessing's Process as an RQ job, on whichever worker of whichever host."""

from jobs.context import Context, get_context
from jobs.job import SealedJob
from jobs.process import Process
from jobs.roster import listening
from jobs.workers import Workers

__all__ = ["Context", "Process", "SealedJob", "Workers", "get_context", "listening"]
