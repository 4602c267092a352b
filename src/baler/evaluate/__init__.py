"""How good the result is: our own measurements, and the compressors that we compare with."""
