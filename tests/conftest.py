"""Settings of every test: hypothesis without deadlines, because the machine is shared and speed is not tested here."""

from hypothesis import settings

settings.register_profile("tiers", deadline=None, max_examples=60)
settings.load_profile("tiers")
