"""Recording rules and alerts for Prometheus, the Prometheus Operator and Azure, from one source.

objectives  what the service is to keep, and the bounds of the alerts: all numbers
rule        what a recording rule, an alert and a group are
metrics     selectors and expressions that several rules share
burn_rates  the group `objectives`: availability and latency
service     the group `service`: pods, the models that they serve, and the ledger
requests    the group `requests`: traffic, decisions, labels and prediction records
model       the group `model`: what it is worth, by the looks of `python -m monitoring`
tracking    the group `tracking`: the tracking server and its database
formats     the groups as a file of Prometheus, as Azure's rule groups, and as a table
dashboards  what Grafana shows of all that, from one source as well

`make rules` writes the files; docs/operations/alerts.md lists the alerts. alertmanager.yaml is a
configuration of Alertmanager to start from, and kql/ has queries for the logs on Azure.
"""
