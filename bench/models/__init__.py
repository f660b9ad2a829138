"""What models cost: features, training groups, scoring, lists, and what visitors notice of it."""
