"""How the product is run.

local/       the servers behind `make demo` and `make team`
tracking/    the tracking server as a team runs it
monitoring/  rules of Prometheus: what is recorded, and what alerts
github/      environments, variables and branch rules of the repository on GitHub

job                    runs a Job of the chart, from its CronJob, and follows it to its end
kubernetes             a Job of Kubernetes, as kubectl makes, shows and deletes it
one_line_errors        how a command ends where a user can do something about it
secret_file            writes a file that only its owner can read
values_from_terraform  makes values of the Helm chart from Terraform's outputs
vault_secrets          makes the secrets of the chart in Key Vault

The playbooks of Ansible beside them make a cluster a running platform, and a machine an agent;
`jenkins/` is what Jenkins needs on a cluster.
"""
