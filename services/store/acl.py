"""Who may do what in the provider's store: one user for each party that has business there. Pure.

The one place where commands and key patterns stand; the lab's server and deploy/store both load it. Commands are listed
one by one, because a category holds more than its name says (`@connection` has CLIENT TRACKING, which tells the names
of everybody's keys). A script reaches no further than whoever runs it. What is shared can be used up: scripts lie in
one cache, which neither party may flush, and while one party's script runs the other's commands wait.
"""

from collections.abc import Mapping

from tiers.wire.identity import Role


def _named(names: str) -> tuple[str, ...]:
    return tuple(names.split())


_COMMON = _named("hello auth ping echo select info time command|info cluster|slots get set del exists ttl expire eval")
COMMANDS: Mapping[Role, tuple[str, ...]] = {
    Role.GATEWAY: (
        *_COMMON,
        *_named("evalsha script|load spublish ssubscribe incrby decrby"),
        *_named("hget hset hsetnx hgetall hdel hkeys hexists hincrby sadd srem sismember smembers"),
        *_named("xadd xdel xlen xrange xtrim"),
    ),
    Role.CARRIER: (
        *_COMMON,
        *_named("hget hset hgetall hdel hsetnx hmget sadd srem smismember llen lrange rpush"),
    ),
}
_KEYS: Mapping[Role, str] = {
    Role.GATEWAY: "resetchannels &gateway:* ~{s*}:* ~gateway:*",
    Role.CARRIER: "resetchannels ~carrier:*",
}
_IF_THERE = "waitaof"
"""Tells whether a write is on disk where CONFIG GET is not allowed: Valkey, and Redis from 7.2 on."""
RULES: Mapping[Role, str] = {
    role: " ".join([_KEYS[role], "-@all", *(f"+{command}" for command in (*commands, _IF_THERE))])
    for role, commands in COMMANDS.items()
}


def acl_file(passwords: Mapping[Role, str], rules: Mapping[Role, str] = RULES) -> str:
    """Return an ACL file: the users above with these passwords, and no default user."""
    users = [f"user {role} on >{password} {rules[role]}" for role, password in passwords.items()]
    return "\n".join(["user default off", *users, ""])
