"""The ledger: signed statements, the chain that they form, and the keys that count. No server here.

manifest    a folder of files as a value: relative path and sha256 of each
statement   what one entry says, in a DSSE envelope, with the signature checked
signing     what is used of securesystemslib, imported without Azure's SDK
trust       ledger.yaml: the ledger's id and the keys, each with the sequences that it may sign
keys        adding, retiring and revoking one of them
vault       a signing key that stays in Azure Key Vault
fold        from the versions that a server lists to the chain
chain       the ledger as a value: its entries, its tip and its head
tip         the last entry as a reader remembers it, to notice that entries were deleted

Others use `fold.fold`, `chain.Ledger`, `chain.Link`, `trust.read_trust`, `trust.open_signer`,
`statement.Statement` and `manifest.Manifest`.
"""
