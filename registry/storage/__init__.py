"""Azure Blob Storage: whatever the project itself does with blobs.

address     where blobs are: `wasbs://` and `abfss://` addresses
container   list, read, download, upload and delete, each checked by its sha256
client      Azure's SDK: credential, timeouts and retries
transfer    a blob in ranges at a time, and one that is only created
downloads   data sets: downloaded once, into a cache of this machine
data_files  which files hold data, by their names
failures    what Azure's SDK raises, turned into our errors

`client`, `transfer` and `failures` import Azure's SDK, for which a pod without blobs must not wait;
`container` imports them where one is opened.
"""
