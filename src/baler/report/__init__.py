"""What all reports have in common: how plots look, and one HTML page that holds everything."""
