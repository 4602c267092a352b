"""What compression does to an analysis: before and after, by the same events."""
