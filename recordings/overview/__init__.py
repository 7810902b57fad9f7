"""VERB look: how things stand and what needs a person, in numbers. It asks the database only, never Vobiz.

Every number is of the rows that one user may see, and is counted no further than MOST: a page that is opened often
must not get slower with what has piled up. Each query's rows are found by an index.
"""

from recordings.overview.activity import (
    SILENT_IN_A_ROW,
    Day,
    Starts,
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
    database_space,
    holdings,
    lost,
    lost_before,
    soon,
    space,
)
from recordings.overview.background import OVERDUE, Background, Gap, background, gaps
from recordings.overview.counting import Counted, Group, Trouble, counted, total
from recordings.overview.figures import Figures, figures
from recordings.overview.problems import EVERYTHING, problems, problems_of
from recordings.overview.sums import MOST_SUMMED, EventTotals, Totals, event_totals, totals
from recordings.overview.troubles import (
    broken_syncs,
    callback_troubles,
    for_a_person,
    unexpectedly_unsigned,
    unsigned,
)
from recordings.problem import Problem

__all__ = [
    "DUE_TAKES", "EVERYTHING", "MOST_SUMMED", "OVERDUE", "SILENT_IN_A_ROW", "Archiving", "Background",
    "Counted", "Day", "EventTotals", "Figures", "Gap", "Group", "Problem", "Starts", "Totals", "Trouble",
    "accounts", "archiving", "at_risk", "at_risk_now", "background", "broken_syncs", "callback_troubles",
    "counted", "database_space", "day_bounds", "days", "event_totals", "figures", "for_a_person", "gaps",
    "holdings", "live_calls", "lost", "lost_before", "problems", "problems_of", "running", "soon", "space",
    "starts", "total", "totals", "unexpectedly_unsigned", "unsigned",
]  # fmt: skip
