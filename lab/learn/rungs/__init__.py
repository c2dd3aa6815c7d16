"""The rungs, the easiest first."""

from lab.learn.rungs.barging import BARGING
from lab.learn.rungs.foreign_delete import FOREIGN_DELETE
from lab.learn.rungs.late_expiry import LATE_EXPIRY
from lab.learn.rungs.leaked_permit import LEAKED_PERMIT
from lab.learn.rungs.lost_wakeup import LOST_WAKEUP
from lab.learn.rungs.no_expiry import NO_EXPIRY
from lab.learn.rungs.no_fence import NO_FENCE
from lab.learn.rungs.retried_set import RETRIED_SET
from lab.learn.rungs.stepped_clock import STEPPED_CLOCK
from lab.learn.rungs.two_step_release import TWO_STEP_RELEASE

RUNGS = (
    NO_EXPIRY,
    FOREIGN_DELETE,
    TWO_STEP_RELEASE,
    LATE_EXPIRY,
    NO_FENCE,
    LOST_WAKEUP,
    LEAKED_PERMIT,
    RETRIED_SET,
    STEPPED_CLOCK,
    BARGING,
)
