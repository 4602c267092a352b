"""Fits and statistics: peaks, smooth spectra, searches, and what weighted events allow to say."""
