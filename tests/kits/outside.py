"""What lies outside a party in tests: a log, keys and a clock of theirs, and calls where they need some."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from tiers.chassis.outside import Outside
from tiers.wire.log.leaf import Author


def outside(author: Author, ledger: object, trust: Callable, clock: Callable[[], int], http: object = None) -> Outside:
    return Outside(author, None, http, ledger, trust, clock, CollectorRegistry())
