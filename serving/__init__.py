"""The service around the pure core: settings, errors, the use case and the capabilities it is composed of."""
