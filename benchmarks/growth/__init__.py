"""Where cost grows with size: each row measures a cost at rising sizes, and prints the exponent.

row         what a row is, and the exponent between two sizes
pause       how long an event loop is held
process     the most memory of a program in a process of its own
models      a served model of any number of inputs
bodies      reading a request's body, against its number of fields
requests    a whole request, against its model alone
metrics     a scrape of /metrics, against inputs and promotions
evaluation  memory of the slices, against days
gates       memory of a whole evaluation, against rows, over few days and over many
training    memory of a whole training run, against rows
ledgers     ledgers of any length, in memory and on a server
ledger      reading the ledger, against its number of entries
commands    `status` and `verify`, against the ledger's number of entries
__main__    the command line of `make bench-growth`

To add a row, add a `Row` to the `ROWS` of a module here; to add a module, name it in `__main__`.
"""
