"""Salt Typhoon, 2024: intruders in carriers' networks. What a stolen list of targets would be here."""

import msgspec

from tiers.lab.classroom.desk import bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.lab.world.cast import OPERATOR, handset, party
from tiers.wire.encoding import b64u


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    await stage.warrant("alice", minutes=2)
    await stage.send("bbm", bbm("alice", "bob", "I think that I am being watched"))
    say("2024")
    before = await stage.log_size()
    for who in (OPERATOR, party("gateway").identity, party("auditor").identity):
        relay, carrier = desk.as_(who).peer("gateway"), desk.as_(who).peer("carrier")
        await stage.refused(
            f"{who} lists the relay's tasks", "task.listing", relay.ask("GET", "/v1/tasks", msgspec.Raw)
        )
        await stage.refused(f"{who} lists warrants", "warrant.listing", carrier.ask("GET", "/v1/warrants", msgspec.Raw))
    stage.check("leaves about it", await stage.log_size() - before, 6)
    say("Asking")
    pin = handset("alice").pin
    logged = b"".join(path.read_bytes() for path in desk.world.state("ledger").rglob("*") if path.is_file())
    stage.check("the target's number in the log's own files", pin.encode() in logged, False)
    say("Reading the log")
    folder = desk.world.store.folder
    if folder is not None:  # a store of our own, whose files we may read
        stored = b"".join(path.read_bytes() for path in folder.rglob("*.aof"))
        spelled = [b64u(b" " * shift + f'"sub":"{pin}"'.encode())[4:-4].encode() for shift in range(3)]
        stage.check("the target's number in the relay's records", any(one in stored for one in spelled), True)
        say("Stealing the store")


SCENARIO = declared(__name__, _play)
