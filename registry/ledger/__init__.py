"""The ledger: signed statements, the chain that they form, and the trusted keys. No server here.

manifest    a folder of files as a value: relative path and sha256 of each
files       the files of a folder in memory, each read once
statement   the content of an entry, signed in a DSSE envelope
signing     what is used of securesystemslib, imported without Azure's SDK
trust       ledger.yaml: the ledger's id and the keys, each with the sequences that it may sign
creation    a new ledger: its id and its first signing key
keys        adding, retiring and revoking a trusted key
vault       a signing key that stays in Azure Key Vault
fold        from the versions that a server lists to the ledger, with signatures verified
chain       the ledger as a value: its entries, its tip and its head
checkpoint  the ledger's end, from the newest versions alone
tip         the last entry as a reader remembers it, to detect that entries were deleted

Others use `fold.fold`, `chain.Ledger`, `chain.Link`, `trust.read_trust`, `trust.open_signer`,
`statement.Statement`, `manifest.Manifest` and `files.Files`.
"""
