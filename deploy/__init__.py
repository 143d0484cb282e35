"""How the product is run.

local/     the servers behind `make demo` and `make team`
tracking/  the tracking server as a team runs it

secret_file            writes a file that only its owner can read
values_from_terraform  makes values of the Helm chart from Terraform's outputs
"""
