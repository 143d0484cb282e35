"""How the product is run.

local/     the servers behind `make demo` and `make team`
tracking/  the tracking server as a team runs it

secret_file    writes a file that only its owner can read
vault_secrets  makes the secrets of the chart in Key Vault

The folder `ansible` holds playbooks.
"""
