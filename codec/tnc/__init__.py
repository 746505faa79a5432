"""The TNC picture codec: transform, entropy model, stream, rate control."""
