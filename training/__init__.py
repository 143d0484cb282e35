"""The MLflow Project: from a file of transactions to a registered candidate.

dataset           the data-set file: which column has which role
data              read a file of transactions, check it, add the features
simulate          the embedded transactions, for those without data
split             training and test by time, with a gap for the label delay
models            the models that can be trained, with their defaults and search spaces
fit               fit one model, and validate it
calibrate         make a probability mean what it says
threshold         choose the decision threshold
search            try several sets of parameters on rolling folds
convert           the fitted pipeline as ONNX
contract_writer   what the model takes and gives
intervals         the measures with their 95 % intervals
slices            the measures on days, amount bands and bands of an entity
importance        what each input contributes
assess            everything that is measured on the test days
pictures          plots of it
model_card        a page about it
track             what the run leaves in MLflow
evaluation_rows   the test days as rows for the gates
run               one training run, from its parameters to the candidate
cli               the commands `train`, `evaluate` and `rows`
"""
