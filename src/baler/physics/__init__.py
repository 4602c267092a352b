"""What compression does to physics: simulated events, analyses, and studies of both."""
