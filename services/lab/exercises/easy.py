"""Five points each: one act on the page, and what it shows. Data."""

from tiers.lab.exercises.exercise import Exercise, Work


def _consumer(work: Work) -> bool:
    return any(note["channel"] == "consumer" for note in work.delivered().values())


def _sealed_from_the_state(work: Work) -> bool:
    return any(work.verdict(mid, "state") == "sealed" for mid in work.delivered())


def _employee_as_consumer(work: Work) -> bool:
    sent = work.delivered().items()
    return any(one["from"] == "priya" and work.verdict(mid, "operator") == "reads" for mid, one in sent)


def _served(work: Work) -> bool:
    return any(True for _ in work.of("served"))


def _rejected(work: Work) -> bool:
    return any(one["verb"] == "rejection" for one in work.of("decided"))


EXERCISES = (
    Exercise(
        "first-message",
        "A message",
        "easy",
        5,
        "Send something from one consumer to another, and see it arrive.",
        (
            "Alice, Bob and Mallory are consumers.",
            "Write on Alice's handset, on the right of the lanes.",
            "tiers send alice bob hello --channel consumer",
        ),
        _consumer,
    ),
    Exercise(
        "sealed-from-the-state",
        "Nobody at the provider",
        "easy",
        5,
        "Send a message that the whole state together cannot read.",
        (
            "Look at the locks: whose keys are they?",
            "There are two lanes.",
            "Let Priya write to Quentin on the enterprise lane.",
        ),
        _sealed_from_the_state,
    ),
    Exercise(
        "employee-as-consumer",
        "The wrong lane",
        "easy",
        5,
        "Let Priya, who has a company's handset, send a message that the provider can read.",
        (
            "The person does not matter; the lane does.",
            "Priya is a carrier's subscriber, too.",
            "Choose Consumer on her handset, and write to Bob.",
        ),
        _employee_as_consumer,
    ),
    Exercise(
        "served",
        "Two signatures",
        "easy",
        5,
        "Bring a warrant as far as the carrier.",
        ("It takes an applicant and a judge.", "See the view Warrants.", "Apply, approve, serve."),
        _served,
    ),
    Exercise(
        "rejected",
        "The judge says no",
        "easy",
        5,
        "Have a warrant refused by the judge, and look what the public log says of it.",
        (
            "Apply first.",
            "The judge has two buttons.",
            "tiers warrant reject JTI --reason why",
        ),
        _rejected,
    ),
)
