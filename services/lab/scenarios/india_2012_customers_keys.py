"""India, 2012: the state asks not the maker, who has no enterprise keys, but the customers, who do."""

from tiers.chassis.state import StateDir
from tiers.lab.classroom.desk import Note
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage
from tiers.lab.world.cast import party
from tiers.wire.api.enterprise import Decision, Order, OrderAnswer, Reason
from tiers.wire.message.envelope import Channel, Service

E = Channel.ENTERPRISE
POLICY = b'[orders]\nTHIRD_PARTY_DATA_REQUEST = "disclose"\n'


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    note = Note("priya", "quentin", E, Service.BBM, "The offer goes out on Thursday")
    other = Note("gita", "priya", E, Service.BBM, "We would sign at that price")
    mid = (await stage.send("acme", note)).mid
    crossed = (await stage.send("crossed", other)).mid
    tell("February 2012", 'A report: about 5,000 firms "from whom the keys have to be acquired" [n8].')
    tell("Why the firms", "Relay, carrier, court and auditor hold no key of these messages. Each firm holds its own.")
    court = party("court").identity
    before = await stage.log_size()

    async def order(firm: str, reference: str, mid: str) -> OrderAnswer:
        asked = Order(reference, Reason.THIRD_PARTY_DATA_REQUEST, mid=mid)
        return await desk.as_(court).peer(firm).ask("POST", "/v1/orders", OrderAnswer, asked)

    refused = await order("acme", "DOT/1", mid)
    stage.check("Acme's answer", refused.decision, Decision.REFUSE)
    StateDir(desk.world.state("acme")).write("policy.toml", POLICY)
    given = await order("acme", "DOT/2", mid)
    stage.check("what Acme hands over", [one.content for one in given.messages], [note.text])
    theirs = await order("acme", "DOT/3", crossed)
    stage.check("of its mail with Globex", [one.content for one in theirs.messages], [other.text])
    tell(
        "Firm by firm",
        "Acme refuses, then changes its policy and hands over texts, also what Globex wrote to it. Keys stay in the house.",
    )
    kept = await order("globex", "DOT/4", crossed)
    stage.check("Globex's answer", kept.decision, Decision.REFUSE)
    stage.check("answers in the public log", await stage.log_size() - before, 4)
    tell("The other end", "Globex refuses, and its words are out all the same. Four orders, four leaves in the log.")


SCENARIO = Scenario(
    name="india-2012-customers-keys",
    title="India, 2012: the customers are asked for what the maker does not have",
    acts=(
        Act(
            _play,
            cells=(
                Cells("operator", sealed=("acme", "crossed")),
                Cells("auditor", sealed=("acme", "crossed")),
                Cells("court", reads=("acme", "crossed")),
                Cells("customer", reads=("acme", "crossed")),
                Cells("other-customer", reads=("crossed",), sealed=("acme",)),
            ),
        ),
    ),
    verdict=(
        "Whoever holds the key decides, and knows that he was asked. The state wins where a firm gives in, one firm and "
        "one order at a time; a message between two firms is as well kept as at the weaker of them."
    ),
    caught="Every answer stands in the public log, by the firm's own hand.",
    unknown="Whether any firm was asked, and what it answered.",
    when="2012",
    asked='a list of about 5,000 firms "from whom the keys have to be acquired" [n8]',
    got="RIM: nothing had changed for enterprise customers [n9]; whether any firm was asked is not on record",
    sources=("n8", "n9"),
)
