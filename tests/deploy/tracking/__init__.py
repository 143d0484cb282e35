"""The rights on a tracking server with basic auth: the matrix, and what every user tries."""
