"""How large a body may be: what the inputs of the served model need."""

from __future__ import annotations

import json

from registry.model.contract import Contract, Input

MIN_BODY_BYTES = 1024 * 1024
MAX_BODY_BYTES = 32 * 1024 * 1024
"""The limit of a table follows no contract beyond it. A table for /invocations or /v2 is parsed
in one call: 10 MB, a thousand rows of 500 inputs, hold all other requests for 26 ms."""
NUMBER_BYTES = 24
"""The longest float64 in its shortest form, such as -2.2250738585072014e-308."""
SPACE_BYTES = 16
"""Colon, comma and white space between a name, its value and the next, indented as in a batch; and
twice that for the braces of a transaction."""


def transaction_bytes(contract: Contract) -> int:
    """The size of a transaction as JSON in ASCII, with every input at its longest.

    An unseen category may be longer, up to `MAX_CATEGORY_LENGTH`; MIN_BODY_BYTES leaves room.
    """
    return 2 * SPACE_BYTES + sum(
        len(json.dumps(input_.name)) + _longest_value(input_) + SPACE_BYTES
        for input_ in contract.inputs
    )


def _longest_value(input_: Input) -> int:
    return max(NUMBER_BYTES, *(len(json.dumps(name)) for name in input_.categories), 0)
