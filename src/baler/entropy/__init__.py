"""Integers and bytes to fewer bytes, exactly."""
