"""CSL modules to text, and the other files that a compiled program consists of."""
