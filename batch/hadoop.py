"""A folder as Spark sees it: on a disk, in HDFS or in Blob Storage, by Hadoop's file system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Folder:
    """It may not exist. Each method raises py4j's Py4JJavaError where the file system fails."""

    def __init__(self, spark: SparkSession, place: str) -> None:
        self._jvm: Any = spark._jvm
        self._files = self._path(place).getFileSystem(spark._jsc.hadoopConfiguration())
        self._folder = self._files.makeQualified(self._path(place))

    def names(self) -> list[str]:
        """What is in the folder."""
        if not self._files.exists(self._folder):
            return []
        return [each.getPath().getName() for each in self._files.listStatus(self._folder)]

    def read(self, name: str) -> str:
        stream = self._files.open(self._child(name))
        try:
            return str(self._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
        finally:
            stream.close()

    def write(self, name: str, text: str) -> None:
        """Create a file under a temporary name, and rename it."""
        temporary = self._child(f"{name}.tmp")
        stream = self._files.create(temporary, True)
        stream.write(bytearray(text.encode()))
        stream.close()
        self._files.rename(temporary, self._child(name))

    def delete(self, name: str) -> None:
        """Delete a file, or a folder with all that is in it."""
        self._files.delete(self._child(name), True)

    def _child(self, name: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(self._folder, name)

    def _path(self, place: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(place)


def root_of(spark: SparkSession, source: str) -> str:
    """What the addresses of a source's files begin with: the folder, or that of a file.

    Empty for a glob.
    """
    path = spark._jvm.org.apache.hadoop.fs.Path(source)
    files = path.getFileSystem(spark._jsc.hadoopConfiguration())
    if not files.exists(path):
        return ""
    status = files.getFileStatus(path)
    folder = status.getPath() if status.isDirectory() else status.getPath().getParent()
    return str(folder.toUri().toString()).rstrip("/") + "/"


def states(spark: SparkSession, addresses: list[str]) -> dict[str, str]:
    """Size and time of change of each file, as its sha256 would need a reading of all bytes."""
    found = {}
    for address in sorted(addresses):
        path = spark._jvm.org.apache.hadoop.fs.Path(spark._jvm.java.net.URI(address))
        files = path.getFileSystem(spark._jsc.hadoopConfiguration())
        status = files.getFileStatus(path)
        found[address] = f"{status.getLen()} bytes at {status.getModificationTime()}"
    return found
