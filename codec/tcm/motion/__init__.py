"""Block motion: what it is, how it predicts, how it is searched and coded."""
