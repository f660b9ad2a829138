"""The SDK outside of a browser: what the edge decides, under Node."""
