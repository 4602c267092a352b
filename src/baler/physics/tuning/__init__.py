"""Tuning: the cheapest bounds at which given requirements on the physics hold."""
