"""Matrices as they would be measured, without any world: as declared, with a leak, and where memory cannot be read."""

from dataclasses import replace

from tiers.lab.attack.derive.scene import told
from tiers.lab.classroom.story import AFTER, BEFORE, INSIDE
from tiers.lab.matrix.matrix import derive, rows
from tiers.lab.matrix.policy import load_policy
from tiers.measure.derive.closure import Forge
from tiers.measure.matrix.matrix import Attacked, Content, Matrix, Outcome, assemble

POLICY = load_policy()
NOTES = {**BEFORE, **INSIDE, **AFTER}
DERIVED = derive(POLICY, told())


def measured(**wrong: Outcome) -> Matrix:
    """Return a matrix as it would be measured, but for what is given for `vantage/message`; without any world."""
    outcomes = {
        key: Outcome(
            reads=content is Content.READS,
            forge=forge,
            metadata=(),
            derivation=("1. the <master>: found in keys:carrier, offset 0x0, raw",) if content is Content.READS else (),
            forged=(),
        )
        for key, (content, forge) in DERIVED.items()
    }
    for name, outcome in wrong.items():
        vantage, _, message = name.partition("/")
        outcomes[vantage, message] = outcome
    return assemble(Attacked(outcomes, (), {}), POLICY, rows(POLICY, NOTES), DERIVED)


GOOD = measured()
READ = Outcome(
    True, Forge.WITH_RELAY, (), ("1. a & b: found in memory of gateway, [heap], offset 0x10, raw",), ("1. forged",)
)
BAD = measured(**{"gateway/bes-bbm": READ})
PARTIAL = measured(**{"gateway/bes-bbm": replace(READ, reads=None, forge=Forge.NO, derivation=(), forged=())})
