"""The MLflow Project: from a file of transactions to a registered candidate.

dataset           the data-set file, which assigns a role to each column
dataset_yaml      its YAML, and what a misspelled key may mean
simulate          the embedded transactions, for users without data of their own
files             the files that hold a data set, and the named columns of each
columns           numbers, labels and text, with the same result from CSV and Parquet
times             the time of a transaction, in UTC
data              read and check a file of transactions, and add the features
profile           what a column of unknown data contains
roles             which roles its name and values suggest
draft             a data-set file to start from, made of these guesses
split             train and test parts by time, with a gap for the label delay
models            the models that can be trained, with defaults and search spaces
contract_writer   what the model accepts, as seen in its training rows
search            try parameters on folds that roll through time
fit               fit a model, and validate it on later rows
calibrate         calibrate its probabilities with a sigmoid
threshold         choose its decision threshold
convert           convert it to ONNX
example           an example for the documentation, near real transactions
evaluation_rows   the test days as evaluation rows, in memory or as a file for the gates
intervals         the measures of the ONNX model, with 95 % intervals
slices            its measures on days, amount bands, and bands of an entity's age and activity
importance        the contribution of each input
assess            all of these together, and the plots of them
plots             one function for each plot
model_card        one HTML page about the model
notes             names and descriptions that MLflow's UI shows
outlook           what gates will refuse, known before anything is trained
track             what a run records in MLflow, and the registration of the candidate
attest            what the training job signs about the candidate
errors            the exception for invalid input
past              the transactions as a store of histories takes them, with the labels known by then
store_check       what a store answers, compared with the features of training
store_load        the transactions of a data set into a store
store_cli         `python -m features`: the commands `load`, `check` and `stats`
run               one training run: the steps above, in order
cli               the commands `train`, `evaluate`, `rows` and `describe-data`
"""
