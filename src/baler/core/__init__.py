"""What the rest is made of: bounds, schema, chunks and bytes. NumPy only."""
