"""What a decision needs once the snapshot is loaded: no Django, clock, network or randomness."""
