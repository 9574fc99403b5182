"""A plan's files as a .deb or .rpm: one neutral model, and what each format makes of it. Pure."""
