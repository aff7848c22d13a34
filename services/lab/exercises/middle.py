"""Ten and fifteen points: warrants and their limits, companies and their keys, orders. Data."""

from collections.abc import Iterator

from tiers.lab.exercises.exercise import Event, Exercise, Work


def _exactly_one(work: Work) -> bool:
    return len(work.read()) == 1


def _metadata_only(work: Work) -> bool:
    """Whether some inspection found messages of the enterprise lane, and opened none."""
    found = (one["inspection"]["findings"] for one in work.of("inspected"))
    return any(
        few and all(one["channel"] == "enterprise" and one.get("content") is None for one in few) for few in found
    )


def _outside(work: Work) -> Iterator[tuple[int, Event]]:
    """Yield where a request began that the carrier refused for its window, and that window."""
    windows = {one["claims"]["jti"]: one["claims"]["window"] for one in work.of("applied")}
    for one in work.of("inspected"):
        if one["inspection"]["grant_refused"] == "grant.window" and one["jti"] in windows:
            yield one["start"], windows[one["jti"]]


def _minute_after(work: Work) -> bool:
    return any(start >= window["until"] for start, window in _outside(work))


def _never_the_past(work: Work) -> bool:
    return any(start < window["from"] for start, window in _outside(work))


def _third_parties(work: Work) -> bool:
    met = {pin for one in work.of("inspected") for pin in one["inspection"]["third_parties"]}
    return bool(met) and work.says(str(len(met)))


def _read_by_the_company(work: Work) -> bool:
    sent = work.sent()
    lawful = {one["mid"] for one in work.of("read")}
    lawful |= {mid for one in work.of("ordered") if one["decision"] == "disclose" for mid in one["mids"]}
    return any("priya" in {sent[mid]["from"], sent[mid]["to"]} for mid in lawful if mid in sent)


def _company_refuses(work: Work) -> bool:
    return any(one["decision"] == "refuse" for one in work.of("ordered"))


def _shut_out(work: Work) -> bool:
    out = {one["handset"] for one in work.of("revoked")}
    return any(one["from"] in out and one["key"] in work.refused("send", "request.proof") for one in work.of("written"))


def _kill_switch(work: Work) -> bool:
    return any(one["destroyed"] for one in work.of("rotated")) and bool(work.refused("read", "read.key_destroyed"))


def _suspended(work: Work) -> bool:
    return bool(work.refused("send", "order.suspended"))


def _measured(work: Work) -> bool:
    own = set(work.sent())
    cells = [cell for one in work.of("measured") for cell in one["cells"] if cell["mid"] in own]
    return bool(cells) and all(cell["content"] in {cell["declared"], "unmeasured"} for cell in cells)


EXERCISES = (
    Exercise(
        "exactly-one",
        "Exactly one",
        "middle",
        15,
        "Make the auditor read exactly one message: no more, no less.",
        (
            "A warrant opens what its target sends and receives in its minutes.",
            "Send one message while the task copies, and no other.",
            "Serve a warrant on Alice, let her write once, turn the minute, open the window.",
        ),
        _exactly_one,
    ),
    Exercise(
        "metadata-only",
        "All but the words",
        "middle",
        10,
        "Have the auditor inspect somebody, and open nothing, although there was something to copy.",
        (
            "What does a warrant bring of which no grant is a key?",
            "Take a target who has a company's key.",
            "A warrant on Priya, and a message from her to Quentin.",
        ),
        _metadata_only,
    ),
    Exercise(
        "minute-after",
        "One minute more",
        "middle",
        10,
        "Have the carrier refuse the keys of the minute after a window.",
        ("The auditor may ask for any minute.", "See the buttons at a warrant.", "Try the minute after."),
        _minute_after,
    ),
    Exercise(
        "never-the-past",
        "Never the past",
        "middle",
        10,
        "Have the carrier refuse the keys of the minute before a window.",
        ("A warrant is served at a moment.", "See the buttons at a warrant.", "Try the minute before."),
        _never_the_past,
    ),
    Exercise(
        "third-parties",
        "Who is in the net",
        "middle",
        15,
        "Inspect somebody who talks to others. How many people does the auditor meet whom no warrant names?",
        (
            "A conversation has two ends.",
            "The inspection lists whom it met.",
            "Count the names after “Met on the way”.",
        ),
        _third_parties,
        asks="How many people?",
    ),
    Exercise(
        "read-lawfully",
        "Priya's mail, lawfully",
        "middle",
        15,
        "Read a message of Priya's enterprise lane without breaking anything, and without the carrier.",
        (
            "Who holds a key to it?",
            "The company may read, or be ordered to.",
            "Send one from Priya to Quentin, see it as a company, and press “Acme reads it”.",
        ),
        _read_by_the_company,
    ),
    Exercise(
        "company-refuses",
        "The company says no",
        "middle",
        10,
        "Have a court's production order refused by a company's own policy.",
        (
            "A court can order the customer instead of the carrier.",
            "The policy says yes or no to each reason.",
            "tiers order acme third_party_data_request --handset priya",
        ),
        _company_refuses,
    ),
    Exercise(
        "shut-out",
        "A lost device",
        "middle",
        10,
        "Have a company shut a device out, and see it fail to send.",
        (
            "The company keeps the directory.",
            "tiers revoke acme ravi",
            "Then write something on Ravi's handset, on the enterprise lane.",
        ),
        _shut_out,
    ),
    Exercise(
        "kill-switch",
        "The key that is gone",
        "middle",
        15,
        "Make a company unable to read its own earlier mail, whoever orders it.",
        (
            "Keys can be replaced, and destroyed.",
            "tiers rotate acme --destroy",
            "Send before, destroy, then try to read what was sent before.",
        ),
        _kill_switch,
    ),
    Exercise(
        "suspended",
        "451",
        "middle",
        15,
        "Have a message refused by the relay because a regulator's order suspends the service.",
        (
            "An order moves no key: it shuts a gate.",
            "See the regulator in the view Warrants, or play Saudi Arabia, 2010.",
            "Suspend BBM of consumers, then let Alice write one.",
        ),
        _suspended,
    ),
    Exercise(
        "measured",
        "Do not believe it",
        "middle",
        10,
        "Send a message of your own and have the lab attack it: every cell must be as declared.",
        ("The matrix is declared until it is measured.", "See the view Matrix.", "Press Measure, and wait."),
        _measured,
    ),
)
