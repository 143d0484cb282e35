"""The tracking server as a team runs it.

rights          makes the users and roles, and takes away every other right; `--dry-run` only tells
roles           what each role may do, and on which experiments and registered models
access_control  MLflow's users, roles and grants, over its REST API
guard           runs inside the server: refuses what MLflow's basic auth lets through
"""
