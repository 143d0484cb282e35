"""What the service is to keep, and the bounds of the alerts.

A share is a number from 0 to 1.
"""

AVAILABILITY = 0.999
"""Share of the requests for scores that are answered without a server error, over 30 days."""

LATENCY_SECONDS = 0.05
"""A bound of a bucket of `fraud_request_seconds`, which the pod measures without the network."""

LATENCY_SHARE = 0.99
"""Share of the requests to `/predict` that take no longer than that, over 30 days."""

MAX_LEDGER_LAG_SECONDS = 900
"""A pod polls every 30 s by default: by then it has failed to some thirty times."""

MAX_STORE_FAILURES = 0.01
"""Share of the requests that the feature store did not answer."""

MAX_INVALID = 0.05
"""Share of the requests for scores that are refused as invalid, in a quarter of an hour."""

MIN_INVALID_REQUESTS = 20
"""Fewer are somebody who is trying the API."""

MAX_CALLER_INVALID = 0.5
"""The same share of a single client's requests, and the same minimum."""

MAX_MODEL_AGE_DAYS = 90
"""Since the end of the training window. Set it to how often you mean to retrain, and some more."""

MIN_CERTIFICATE_DAYS = 21
"""What renews certificates by itself does so a month before they end."""

MAX_REVIEW_CHANGE = 3
"""By which factor the last hour's share of reviews may be above or below the last day's."""

MIN_EXPECTED_REVIEWS = 30
"""Where so many are expected in an hour, chance gives a third of them once in 40,000 (Poisson)."""

MIN_SCORED_PER_SECOND = 0.1
"""Transactions, mean of the last day. With fewer, twenty minutes without one may be usual."""

MAX_LATE_LABELS = 0.05
"""Share of the labels of a day that became known later than the label delay."""

MIN_LATE_LABELS = 20
"""Fewer change no feature much."""

MAX_RECORD_AGE_SECONDS = 3600
"""The spool moves its files every few minutes."""

MAX_TRACKING_ERRORS = 0.05
"""Share of the tracking server's responses that are server errors."""

MAX_UNLABELLED = 0.5
"""Share of the transactions older than the label delay that have no label."""

MIN_DUE_TRANSACTIONS = 1000
"""Fewer say little of the share."""

MAX_LOOK_AGE_DAYS = 2
"""`python -m monitoring live` runs once a day, until the end of the day before."""
