"""The load generator against a peer: `python -m bench.peers.load SPEC`. The rest is `bench.load`."""

import asyncio
import sys
from pathlib import Path

import msgspec

from bench.frames import Ready
from bench.load import Load, Spec, parties_of, prepare
from bench.peers import mosquitto, nats, prosody
from bench.peers.kit import Peer
from bench.results import Result

PEERS = {"mosquitto": mosquitto.PEER, "nats": nats.PEER, "prosody": prosody.PEER}


class PeerSpec(Spec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    peer: str


def prepared(spec: PeerSpec) -> Load:
    """Make every message that will be sent; the load is to be run once."""
    peer, parties = PEERS[spec.peer], parties_of(spec)
    envelopes = prepare(spec, parties, bytes)
    ready = [messages(peer, party.pin, mine) for party, mine in zip(parties, envelopes, strict=True)]
    return Load(spec, parties, ready, peer.client)


def messages(peer: Peer, sender: str, envelopes: list[Ready]) -> list[Ready]:
    """Make a sender's envelopes what goes on the wire to a peer."""
    return [peer.message(sender, number, one) for number, one in enumerate(envelopes)]


def main() -> None:
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=PeerSpec)

    async def work() -> Result:
        return await prepared(spec).run()

    sys.stdout.write(msgspec.json.encode(asyncio.run(work())).decode() + "\n")


if __name__ == "__main__":
    main()
