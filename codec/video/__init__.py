"""Video frames as planes, from file to metric: reading, writing, showing. No codec inside."""
