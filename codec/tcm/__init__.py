"""The TCM video codec: block motion, the TNC transform conditioned on the prediction, exact integers throughout."""
