# BentoML is installed in its own environment.
# mypy: ignore-errors
"""Save the scikit-learn model, a joblib file given as argument, to BentoML's model store."""

import sys

import bentoml
import joblib

bentoml.sklearn.save_model("fraud", joblib.load(sys.argv[1]))
