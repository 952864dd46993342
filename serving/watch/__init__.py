"""What the service has been doing, for whoever watches it: from the record of predictions and the metrics."""
