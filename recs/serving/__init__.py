"""The HTTP server, batching of requests, and packaging as a Truss."""
