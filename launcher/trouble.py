"""The launcher's one exception."""


class Trouble(Exception):
    """What the person at the keyboard must know, as a full sentence that says what to do."""
