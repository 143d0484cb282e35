# BentoML is in an environment of its own.
# mypy: ignore-errors
"""Put the scikit-learn model, a joblib file named on the command line, into BentoML's store."""

import sys

import bentoml
import joblib

bentoml.sklearn.save_model("fraud", joblib.load(sys.argv[1]))
