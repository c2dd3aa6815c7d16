"""multiprocessing's Process as an RQ job, on any worker of any host."""

from importlib.util import find_spec

if _missing := [name for name in ("rq", "cloudpickle") if find_spec(name) is None]:
    raise ModuleNotFoundError(
        f"jobs needs {' and '.join(_missing)}: pip install 'multiprocessing-lab[jobs]'", name=_missing[0]
    )

from jobs.context import Context, get_context
from jobs.exchange.job import SignedJob
from jobs.exchange.worker_list import worker_count
from jobs.executor import Executor
from jobs.process import Process
from jobs.tasks import LostTaskError
from jobs.worker.local_workers import Workers

__all__ = ["Context", "Executor", "LostTaskError", "Process", "SignedJob", "Workers", "get_context", "worker_count"]
