"""Why a demo cannot be loaded or shown."""


class DemoTrouble(Exception):
    """A sentence for the person at the keyboard, which says what to do."""
