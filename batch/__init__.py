"""Batch scoring: files of transactions, with the model in Production and its very numbers.

cli          the command line
job          a run: the rows of the input in parts, which threads score and write
columns      which columns of the input are read, and which are kept
inputs       the input: the files that a path, a glob or an address names
files        one of them: its columns, and its rows as tables
raw          raw transactions: their features, from the history before them
scoring      one part: its rows checked, encoded and scored
fields       ids, times and amounts of raw transactions
rows         rows checked by the contract, and encoded
output       a folder with a manifest, and parts that are whole or not there
blob_output  the same in Blob Storage
spark        a run on a Spark cluster
executor     what its executors do: verify the model file that was sent, and score
hadoop       folders as Spark sees them
progress     rows per second, and the time that is left

Vectors are streamed, a few parts at a time; raw transactions are in memory at once.
"""
