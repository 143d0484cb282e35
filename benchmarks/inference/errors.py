"""The one way in which this benchmark fails."""


class CannotMeasure(Exception):
    """Something is missing or went wrong; the message says what to do next."""
