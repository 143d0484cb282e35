"""How a training run can fail because of its input. Each message says what to do next."""


class BadInput(Exception):
    """The data, the data-set file or a parameter is invalid."""
