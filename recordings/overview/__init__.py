"""How things stand and what needs a person, in numbers. It asks the database only, never Vobiz.

Every number is of the rows that one user may see, and is counted no further than MOST: a page that is opened often
must not get slower with what has piled up. Each query's rows are found by an index.
"""

from recordings.overview.activity import (
    Day,
    accounts,
    day_bounds,
    days,
    live_calls,
    running,
    starts,
)
from recordings.overview.archive import (
    DUE_TAKES,
    Archiving,
    archiving,
    at_risk,
    at_risk_now,
    holdings,
    lost,
    lost_before,
    soon,
    space,
)
from recordings.overview.background import OVERDUE, Gap, background, gaps
from recordings.overview.counting import Counted, Trouble, counted
from recordings.overview.figures import Figures, figures
from recordings.overview.problems import EVERYTHING, problems, problems_of
from recordings.overview.sums import EventTotals, Totals, event_totals, totals
from recordings.overview.troubles import (
    broken_syncs,
    callback_troubles,
    for_a_person,
    unexpectedly_unsigned,
    unsigned,
)
from recordings.problem import Problem

__all__ = [
    "DUE_TAKES", "EVERYTHING", "OVERDUE", "Archiving", "Counted", "Day", "EventTotals", "Figures", "Gap",
    "Problem", "Totals", "Trouble", "accounts", "archiving", "at_risk", "at_risk_now", "background",
    "broken_syncs", "callback_troubles", "counted", "day_bounds", "days", "event_totals", "figures",
    "for_a_person", "gaps", "holdings", "live_calls", "lost", "lost_before", "problems", "problems_of",
    "running", "soon", "space", "starts", "totals", "unexpectedly_unsigned", "unsigned",
]  # fmt: skip
