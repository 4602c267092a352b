"""The only lossy stage: values to integers on a lattice, checked with the decoder's rule."""
