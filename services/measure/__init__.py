"""Measure your own system: who can read what, by what is really held. The attacker as a library; it knows no system.

Secret, canary                      what to look for
run, attach, Service, Ask           a program under measurement, its captures and assertions
Message, Vantage, opens, register, measure      a matrix of your own: who reads which message, how
repeats                         run twice from one state: what should be random and comes out the same
MeasureError, NotWhole, Misused, Unmeasured     what can go wrong; a test that cannot be measured here is skipped
"""

from tiers.measure.errors import MeasureError, Misused, NotWhole, Unmeasured
from tiers.measure.program import Ask
from tiers.measure.secret import Secret, canary
from tiers.measure.service import Service, attach, run
from tiers.measure.system import Message, Vantage, measure, opens, register
from tiers.measure.twice import repeats

__all__ = [
    "Ask",
    "MeasureError",
    "Message",
    "Misused",
    "NotWhole",
    "Secret",
    "Service",
    "Unmeasured",
    "Vantage",
    "attach",
    "canary",
    "measure",
    "opens",
    "register",
    "repeats",
    "run",
]
