"""Measurements of speed: what the machine can do, and where encoding and decoding spend their time."""
