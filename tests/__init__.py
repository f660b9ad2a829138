"""The suite: engine, apps, journeys through a running stack, architecture, browser."""
