"""Features of a transaction, defined once as data and computed from earlier transactions.

definitions   which features a data set gets, as the values that the contract carries
amounts       amounts as whole numbers, whose totals are exact
times         the time of a transaction, as microseconds since 1970
ranges        the values that an input can have
windows       where a history window begins and ends, and the arithmetic inside it, on arrays
offline       all features of a table of transactions (Polars and numpy)
online        the features of one transaction at a time, equal to the offline ones to the bit
stores        what entities did before, as the service keeps it for `online`

All but `offline` need neither Polars, pandas nor scikit-learn, which a serving pod does not have.
Other packages use `definitions.history_features`, `definitions.calendar_features`,
`offline.add_history`, `offline.add_calendar`, `online.Plan`, `online.Calendar` and the stores.

`python -m features` fills a store from training's files, and checks it: a program on top of the
packages, whose commands training has in its module `store_cli`.
"""
