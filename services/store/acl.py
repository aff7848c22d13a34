"""Who may do what in the provider's store: one user for each party that has business there. Pure.

The one place where commands and key patterns stand; the embedded server and deploy/store both load it. A script reaches
no further than whoever runs it. Scripts live in one cache that all users share: neither party may flush it.
"""

from collections.abc import Mapping

from tiers.wire.identity import Role

RULES: Mapping[Role, str] = {
    Role.GATEWAY: (
        "resetchannels &gateway:* ~{s*}:* ~gateway:* "
        "+@read +@write +@connection +@transaction +eval +evalsha +script|load "
        "+publish +spublish +subscribe +ssubscribe +info +time +cluster|slots +command -@dangerous +info "
        "-keys -randomkey -scan -flushall -flushdb -swapdb -function -fcall -fcall_ro"
    ),
    Role.CARRIER: (
        "resetchannels ~carrier:* +@read +@write +@connection +@transaction +eval "
        "+cluster|slots +command -@dangerous +info "
        "-keys -randomkey -scan -flushall -flushdb -swapdb -function -fcall -fcall_ro"
    ),
}


def acl_file(passwords: Mapping[Role, str]) -> str:
    """Return an ACL file: the users above with these passwords, and no default user."""
    users = [f"user {role} on >{passwords[role]} {rules}" for role, rules in RULES.items()]
    return "\n".join(["user default off", *users, ""])
