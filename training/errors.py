"""How a training run can fail through its input. Each message says what to do next."""


class BadInput(Exception):
    """The data, the data-set file or a parameter is not what it must be."""
