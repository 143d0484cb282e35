"""Features of a transaction, defined once as data and computed from earlier transactions.

definitions   which features a data set gets, as the values that the contract carries
windows       where a history window begins and ends, and the arithmetic inside it, on arrays
offline       all features of a table of transactions (Polars and numpy)

`definitions` and `windows` need neither Polars, pandas nor scikit-learn, which a serving pod does
not have. Other packages use `definitions.history_features`, `definitions.calendar_features`,
`offline.add_history` and `offline.add_calendar`.
"""
