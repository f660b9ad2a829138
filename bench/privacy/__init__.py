"""What privacy costs: an erasure beside a million others, and the search of all stores."""
