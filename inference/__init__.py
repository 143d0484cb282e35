"""The inference service: it serves the head of the ledger, verified, and follows the ledger.

Start:
  __main__         the command line: runs the service, creates tokens
  worker           app and worker class for gunicorn, which gunicorn_conf.py configures
  settings         environment variables
  memory           returns freed memory to the operating system
  app              the composition root: makes all objects and connects them

A request, in the order in which its data flows:
  http_protocol    from the socket: uvicorn's protocol, bounded and with timeouts
  http_bounds      what a client may send over a connection, and the responses to more
  transport        one write per response
  tracing          one OpenTelemetry span per request, if a collector is configured
  fast_path        POST /predict without the framework
  guard            authentication, overload, timeouts, common headers
  tokens           bearer tokens, reloaded when their file changes
  deadlines        request timeouts with a single timer
  body_limits      how large a body may be
  body             reading a body up to its size limit, decompressed
  routes           the service's own routes
  protocols        the routes of the two protocols that follow
  mlflow_protocol  /invocations, as `mlflow models serve` answers it
  open_inference   /v2/models/…/infer, as KServe answers it
  messages         request context and reply, which fast path and routes share
  predictor        from a body to its reply: parse, score, decide, count, record
  json_body        parses JSON, unless it has too many values
  json_rows        parses the rows of a large batch a few at a time
  inputs           what each input of the model is, its ranges, its JSON Schema
  fields           the other fields of a transaction whose features the service computes
  raw              makes the inputs of the model from such a transaction and its history
  history          asks the feature store for that history, and records the transaction
  history_upkeep   beside requests: records late what a store that was away missed, and asks how
                   much it holds
  history_routes   /labels and /entities
  labels           which transactions were frauds
  transaction      parses transactions by the model's contract
  usual            the same for many values at once, where none is unusual
  model            scores them, and explains scores
  schema           what the OpenAPI document states about bodies and responses

What a request leaves behind:
  metrics          Prometheus metrics, summed over workers
  drift            scored rows, counted in those bins
  invalid_fields   rejected fields, counted by name
  worker_files     the files in which several workers share these counts
  records          prediction records on standard output, or in a spool
  record_spool     the spool: bounded, on the local disk, shared by workers
  record_files     its files, and the steps that they go through
  record_moves     starts the process that moves them
  record_mover     that process: converts and moves
  record_parquet   the columns, and the conversion
  record_destination  where the Parquet files go
  logs             lines of JSON on standard error, bounded per minute

The ledger:
  follower         polls the ledger; fetches, verifies, loads and swaps the head
  cache            verified files on disk, for a start without the registry
  serving          the state that follower and requests share: model, lag, readiness
  shutdown         out of readiness on SIGTERM, before the server stops
  signals          SIGHUP and SIGUSR1

After a deployment:
  smoke            sends a transaction to a running service, and compares with the ledger's head

Data flows one way: the follower puts a model into `Serving`, requests read it from there and hand
what they observed to `Metrics`, `Drift` and `RecordWriter`.
"""
