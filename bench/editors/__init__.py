"""How long every page of the admin takes at a large site."""
