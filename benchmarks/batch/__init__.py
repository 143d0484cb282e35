"""`make bench-batch`: `python -m batch` by what plain MLflow offers, on the same files.

data     the Handbook's transactions with their features, in files, and a model of them
engines  what is measured, each in a process of its own
"""
