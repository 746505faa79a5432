"""Adaptive QP: one signed offset per 16x16 px from texture, flatness and noise, the same for pictures and frames.

`settings` says how strong, `features` measures a picture once, `offsets` turns the features into terms and whole
numbers, `maps` shows all of it as block maps.
"""
