"""Live pages: tickets, and the process that sends notices to open pages (server-sent events)."""
