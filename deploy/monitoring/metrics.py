"""Selectors and expressions that several rules share."""

SCORING = 'route=~"/predict|/predict/batch|/invocations|.*/infer",status!~"401|403"'
"""Requests for scores, on the routes that `registry watch` counts, of callers with a token.

Those of strangers would make the share of errors smaller: as small as they like.
"""

# The operator puts the namespace before the name of a PodMonitor; other configurations do not.
INFERENCE_UP = 'up{job=~"(.+/)?fraud-inference"}'
TRACKING_UP = 'up{job=~"(.+/)?fraud-tracking"}'


def scored(window: str, *matchers: str) -> str:
    """Requests for scores per second, over a window."""
    return f"sum(rate(fraud_requests_total{{{','.join((SCORING, *matchers))}}}[{window}]))"


def grown(counter: str, window: str) -> str:
    """By how much each series of a counter has grown in a window; nothing where it has not.

    A counter that begins at 1, at its first event or before its first scrape, has no increase for
    Prometheus: a series that was not there before the window counts with its value.
    """
    new = f"{counter} unless {counter} offset {window}"
    return f"increase({counter}[{window}]) > 0 or ({new}) > 0"
