"""The one exception of this benchmark."""


class CannotMeasure(Exception):
    """A measurement is not possible or not valid; the message says what to do next."""
