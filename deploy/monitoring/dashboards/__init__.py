"""Dashboards for Grafana, from small definitions.

panel     what a query, a panel, a row and a dashboard are
service   the dashboard *Service*: objectives, traffic, latency, errors, pods, prediction records
model     the dashboard *Model*: scores, decisions, inputs, history, labels
registry  the dashboard *Registry*: what is in force, and the tracking server
platform  the dashboard *Platform*: pods, autoscaling, storage, database, Redis
formats   the dashboards as Grafana's JSON, and as tables

`make dashboards` writes the files; docs/operations/dashboards.md lists the panels.
"""
