"""Baler makes scientific data smaller, and says exactly what it did to them."""
