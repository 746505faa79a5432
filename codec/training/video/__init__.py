"""Training of the video codec's networks: pairs of frames from the codec's own encoder, and the loop."""
